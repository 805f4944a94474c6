// What a chip was measured to achieve, as compact tables (catalog/curves/).
//
// They are reduced from rows of micro-benchmarks by tools/reduce_microbench, which states the error
// of the reduction. They say how fast a shape is *relative to the best shape*; how fast the best
// shape is for hours on end is the chip's `sustained`, because a chip under load is throttled below
// a short benchmark. In between grid points rates are linear in the logarithms of axes and rate;
// beyond an edge they are those of the edge.
//
// Leaves out: the rows in 8 and 4 bits, which are of inference kernels, and attention backward.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace celere::spec {

struct ReductionError {
  double median = 0;  // |table / row - 1|
  double p90 = 0;
};

// C[m, n] = A[m, k] B[k, n] in bf16.
struct GemmTable {
  std::vector<double> m, n, k;  // increasing
  std::vector<double> tflops;   // [m][n][k]
  double best_tflops = 0;       // the 97th percentile of the rows: what `sustained` replaces
  ReductionError error;
};

// Causal attention, forward: of the useful (lower triangle) work.
struct AttentionTable {
  std::vector<double> sequence;  // increasing
  std::vector<double> head_dim;  // increasing
  std::vector<double> heads;     // increasing, query heads x batch
  std::vector<double> tflops;    // [sequence][head_dim][heads]
  ReductionError error;
};

// The two grouped products of experts, forward, in bf16, by one fused inference kernel.
struct GroupedGemmTable {
  std::vector<double> tokens_per_expert;  // increasing
  std::vector<double> expert_ffn;         // increasing
  std::vector<double> tflops;             // [tokens_per_expert][expert_ffn]
  ReductionError error;
};

enum class Collective : std::uint8_t { all_reduce, all_gather, reduce_scatter, all_to_all };
inline constexpr int collective_count = 4;
const char* name_of(Collective op);

// Time of a collective inside the NVLink domain by size of the *full* buffer (the sum over ranks
// for all-gather and reduce-scatter, the buffer of one rank for all-reduce and all-to-all), as
// nccl-tests counts.
struct CollectiveCurve {
  Collective op = Collective::all_reduce;
  int gpus = 0;
  std::vector<double> bytes;  // increasing
  std::vector<double> seconds;
};

struct Curves {
  std::string name;  // "h100-sxm": the file's name, the chip that was measured
  std::string source;
  GemmTable gemm;
  AttentionTable attention;
  GroupedGemmTable grouped_gemm;
  std::vector<CollectiveCurve> collectives;
  std::string collectives_source;
  ReductionError collectives_error;
};

// Errors: bad_input with file, line and key.
Result<Curves> parse_curves(std::string_view toml, std::string name);

}  // namespace celere::spec
