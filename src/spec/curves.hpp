// What a chip was measured to achieve, as compact tables (catalog/curves/).
//
// They are reduced from rows of micro-benchmarks by tools/reduce_microbench, which states the error
// of the reduction. They say how fast a shape is *relative to the best shape*; how fast the best
// shape is for hours on end is the chip's `sustained`, because a chip under load is throttled below
// a short benchmark.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace celere::spec {

struct ReductionError {
  double median = 0;  // |table / row - 1|
  double p90 = 0;
};

// C[m, n] = A[m, k] B[k, n] in bf16: TFLOP/s on a grid, in between linear in the logarithms. At the
// edges it is clamped in n and k, and in m below the first point the time stays that of the first
// point.
struct GemmTable {
  std::vector<double> m, n, k;  // increasing
  std::vector<double> tflops;   // [m][n][k]
  double best_tflops = 0;       // the 97th percentile of the rows: what `sustained` replaces
  ReductionError error;
};

// Causal attention, forward: TFLOP/s of the useful (lower triangle) work by sequence length and
// head size, in between linear in the logarithms; clamped at the edges.
struct AttentionTable {
  std::vector<double> sequence;      // increasing
  std::vector<double> head_dim;      // increasing
  std::vector<double> tflops;        // [sequence][head_dim], 32 or more heads x batch
  std::vector<double> heads;         // increasing, heads x batch
  std::vector<double> heads_factor;  // against 32 or more, one a count
  ReductionError error;
};

// The two grouped products of experts, forward, in bf16: TFLOP/s by tokens an expert and by the
// expert's width.
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
  double peak_bf16_tflops =
      0;  // of that chip: another that borrows the curves scales the rates by the ratio of peaks
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
