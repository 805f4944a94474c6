// A chip of the catalogue: peaks, memory, links, power, price, and which curves say what it
// achieves.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/curves.hpp"
#include "spec/fact.hpp"
#include "spec/precision.hpp"

namespace celere::spec {

struct Chip {
  std::string name;  // "h100-sxm": the file's name
  std::string title;
  std::array<Fact<FlopsPerSecond>, arithmetic_count>
      peak;  // dense, without sparsity; unknown: has none or not published
  std::array<Fact<FlopsPerSecond>, precision_count> sustained;  // large products, hours on end
  Fact<Bytes> memory;
  Fact<Bytes> memory_reserved;  // what driver, CUDA context and NCCL take
  Fact<BytesPerSecond> memory_bandwidth;
  Fact<double> memory_bandwidth_share;    // achieved by memory-bound kernels
  Fact<BytesPerSecond> nvlink_bandwidth;  // one direction
  Fact<double> nvlink_share;              // achieved by large ring collectives
  int nvlink_domain = 1;                  // GPUs
  Fact<BytesPerSecond> host_bandwidth;    // PCIe or C2C, one direction
  Fact<double> host_speed;  // CPU time of a kernel launch against x86 hosts (Grace: 0.42)
  Fact<Watts> power;
  Fact<Dollars> price;

  // Which curves serve: names of catalog/curves/. One of another chip is an assumption, and its
  // rates are scaled by the ratio of the bf16 peaks (curves of collectives are not scaled).
  struct CurveNames {
    std::string gemm, attention, grouped_gemm, collectives;
  };
  CurveNames curve_names;
  GemmTable gemm;
  AttentionTable attention;
  GroupedGemmTable grouped_gemm;
  std::vector<CollectiveCurve> collectives;
};

using CurvesByName = std::function<Result<Curves>(std::string_view name)>;

// `name` is the entry's; `curves` finds what it refers to. Errors: bad_input with file, line and
// key; those of `curves`.
Result<Chip> parse_chip(std::string_view toml, std::string name, const CurvesByName& curves);

}  // namespace celere::spec
