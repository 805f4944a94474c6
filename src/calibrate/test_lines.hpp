// A small machine's measurements, as the worker would tell them: two threads, products at 128 and
// 512, rates that are easy to check by hand.
#pragma once

#include <vector>

#include "wire/measurement.hpp"

namespace celere::calibrate {

// A product of all 512 reaches `best`, any other half of it.
inline void add_products(std::vector<wire::Measurement>& lines, const char* precision,
                         double best) {
  for (const std::int64_t m : {128, 512}) {
    for (const std::int64_t n : {128, 512}) {
      for (const std::int64_t k : {128, 512}) {
        const double rate = m == 512 && n == 512 && k == 512 ? best : best / 2;
        lines.emplace_back(wire::ProductMeasured{precision, m, n, k, rate});
      }
    }
  }
}

inline std::vector<wire::Measurement> machine_lines(bool bf16) {
  std::vector<wire::Measurement> lines;
  lines.emplace_back(
      wire::MachineMeasured{"A \"small\" CPU", bf16 ? "AVX-512 bf16" : "AVX2", 2, 8e9, 2e8});
  lines.emplace_back(wire::SustainedMeasured{"fp32", 1, 1e11});
  lines.emplace_back(wire::SustainedMeasured{"bf16", 1, bf16 ? 3e11 : 3e8});
  lines.emplace_back(wire::BandwidthMeasured{1.6e10, 2e10});
  lines.emplace_back(wire::StorageMeasured{5e8});
  lines.emplace_back(wire::ShareMeasured{0.5});
  lines.emplace_back(wire::AttentionMeasured{64, 32, 4, 2e10});
  lines.emplace_back(wire::GroupedMeasured{16, 512, 1e10});
  add_products(lines, "fp32", 1.2e11);
  if (bf16) add_products(lines, "bf16", 4e11);
  lines.emplace_back(wire::MeasurementEnd{});
  return lines;
}

// 1 KiB takes 100 us, 16 MiB 16.777216 ms: half of it over the time is 0.5 GB/s.
inline std::vector<wire::Measurement> rank_lines() {
  std::vector<wire::Measurement> lines;
  for (const char* op : {"all-reduce", "all-gather", "reduce-scatter", "all-to-all"}) {
    lines.emplace_back(wire::CollectiveMeasured{op, 2, 1024, 1e-4});
    lines.emplace_back(wire::CollectiveMeasured{op, 2, 16777216, 0.016777216});
  }
  lines.emplace_back(wire::MeasurementEnd{});
  return lines;
}

inline std::vector<wire::Measurement> all_lines(bool bf16) {
  std::vector<wire::Measurement> lines = machine_lines(bf16);
  for (const wire::Measurement& line : rank_lines()) lines.push_back(line);
  return lines;
}

}  // namespace celere::calibrate
