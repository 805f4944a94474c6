// A chip of the catalogue: peaks, memory, links, power, price, and which curves say what it
// achieves.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/curves.hpp"
#include "spec/fact.hpp"
#include "spec/precision.hpp"

namespace celere::spec {

// Curves that serve a chip. Those of another chip are borrowed: the grade and the source of the
// scale say on what ground, and rates are multiplied by it (times of collectives divided).
struct CurveUse {
  std::string name;  // of catalog/curves/
  Fact<double> scale;
};

struct CurveUses {
  CurveUse gemm, attention, grouped_gemm;
  std::optional<CurveUse> collectives;  // empty: nobody measured them, closed forms serve
};

struct Chip {
  std::string name;  // "h100-sxm": the file's name
  std::string title;
  // Dense, without sparsity; unknown: the chip has none, or none is published.
  std::array<Fact<FlopsPerSecond>, arithmetic_count> peak;
  // Large products, for hours on end, by Precision.
  std::array<Fact<FlopsPerSecond>, precision_count> sustained;
  Fact<Bytes> memory;           // what the driver reports
  Fact<Bytes> memory_reserved;  // what driver, CUDA context and NCCL take of it
  Fact<BytesPerSecond> memory_bandwidth;
  Fact<double> memory_bandwidth_share;    // achieved by memory-bound kernels
  Fact<BytesPerSecond> nvlink_bandwidth;  // one direction
  Fact<double> nvlink_share;              // achieved by large ring collectives
  int nvlink_domain = 1;                  // GPUs
  Fact<BytesPerSecond> host_bandwidth;    // PCIe or C2C, one direction
  Fact<double> host_speed;                // CPU time of a kernel launch, against x86 hosts
  Fact<Watts> power;                      // the most that the board takes
  Fact<Dollars> price;

  // What FlashAttention-2 reaches of the attention rates below, where newer kernels were measured.
  Fact<double> flash_attention_2_share;
  CurveUses curve_uses;
  GemmTable gemm;  // these four as the uses say, scaled
  AttentionTable attention;
  GroupedGemmTable grouped_gemm;
  std::vector<CollectiveCurve> collectives;
};

// What products of fp32 and of bf16 reach, of one kind: those sustained where both are known, else
// both peaks. A peak and a sustained rate say nothing of each other.
struct ProductRates {
  Fact<FlopsPerSecond> fp32, bf16;
};
ProductRates product_rates(const Chip& chip);

// Of fp32 and bf16 the one that this chip trains faster in: bf16 where its rate is at least 1.2
// times that of fp32, which is the safer one, by product_rates(). Errors: unknown_value, by the
// name of the rate.
Result<Precision> measured_precision(const Chip& chip);

using CurvesByName = std::function<Result<Curves>(std::string_view name)>;

// `name` is the entry's; `curves` finds what it refers to.
// Errors: bad_input with file, line and key; those of `curves`.
Result<Chip> parse_chip(std::string_view toml, std::string name, const CurvesByName& curves);

}  // namespace celere::spec
