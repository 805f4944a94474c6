// A chip of the catalogue: peaks, memory, links, power, price, and what it was measured to achieve.
//
// The curves are tables reduced from micro-benchmarks (tools/reduce_microbench); each states its source and the
// error of the reduction. They say how fast a shape is *relative to the best shape*; how fast the best shape is for hours
// on end is `sustained`, because a chip under load is throttled below a short benchmark.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/fact.hpp"
#include "spec/precision.hpp"

namespace celere::spec {

// Where a table was measured, on which software, and how well the compact form reproduces the rows.
struct CurveSource {
  std::string source;
  std::string borrowed_from;        // the chip that was measured, if it is another (then an assumption); else empty
  double reduction_error_median = 0;  // |table / row - 1|
  double reduction_error_p90 = 0;
};

// C[m, n] = A[m, k] B[k, n]: TFLOP/s on a grid, in between linear in the logarithms. At the edges it is clamped in n and
// k, and in m below the first point the time stays that of the first point.
struct GemmTable {
  std::vector<double> m, n, k;   // increasing
  std::vector<double> tflops;    // [m][n][k]
  double best_tflops = 0;        // the 97th percentile of the rows: what `sustained` replaces
  CurveSource source;
};

// Causal attention, forward: TFLOP/s of the useful (lower triangle) work by sequence length and head size, in between
// linear in the logarithms; clamped at the edges.
struct AttentionTable {
  std::vector<double> sequence;   // increasing
  std::vector<double> head_dim;   // increasing
  std::vector<double> tflops;     // [sequence][head_dim], 16 or more heads
  std::vector<double> heads;      // increasing
  std::vector<double> heads_factor;  // against 16 or more heads, one a count
  CurveSource source;
};

// The two grouped products of experts, forward: TFLOP/s by tokens an expert and by the expert's width.
struct GroupedGemmTable {
  std::vector<double> tokens_per_expert;  // increasing
  std::vector<double> expert_ffn;         // increasing
  std::vector<double> tflops;             // [tokens_per_expert][expert_ffn]
  CurveSource source;
};

enum class Collective : std::uint8_t { all_reduce, all_gather, reduce_scatter, all_to_all };
inline constexpr int collective_count = 4;

// Time of a collective inside the NVLink domain by size of the *full* buffer (the sum over ranks for all-gather and
// reduce-scatter, the buffer of one rank for all-reduce and all-to-all), as nccl-tests counts.
struct CollectiveCurve {
  Collective op = Collective::all_reduce;
  int gpus = 0;
  std::vector<double> bytes;    // increasing
  std::vector<double> seconds;
};

struct Chip {
  std::string name;         // "h100-sxm": the file's name
  std::string title;        // "H100 SXM"
  std::array<Fact<FlopsPerSecond>, arithmetic_count> peak;       // dense, without sparsity; unknown: has none or not published
  std::array<Fact<FlopsPerSecond>, arithmetic_count> sustained;  // large products, hours on end
  Fact<Bytes> memory;
  Fact<Bytes> memory_reserved;              // what driver, CUDA context and NCCL take
  Fact<BytesPerSecond> memory_bandwidth;
  Fact<double> memory_bandwidth_share;      // achieved by memory-bound kernels
  Fact<BytesPerSecond> nvlink_bandwidth;    // one direction
  Fact<double> nvlink_share;                // achieved by large ring collectives
  int nvlink_domain = 1;                    // GPUs
  Fact<BytesPerSecond> host_bandwidth;      // PCIe or C2C, one direction
  Fact<Watts> power;
  Fact<Dollars> price;
  Fact<double> host_speed;                  // CPU time of a kernel launch against x86 hosts (Grace: 0.42)

  std::vector<GemmTable> gemm;                   // one an arithmetic that was measured usably; bf16 serves the others
  std::optional<AttentionTable> attention;
  std::optional<GroupedGemmTable> grouped_gemm;
  std::vector<CollectiveCurve> collectives;
  CurveSource collectives_source;
};

// `name` is what messages call the file. Errors: bad_input with file, line and key.
Result<Chip> parse_chip(std::string_view toml, std::string name);

}  // namespace celere::spec
