// Of train/measure: products, attention and experts.
#pragma once

#include "nn/torch.hpp"
#include "train/measure.hpp"

namespace celere::train {

// The shortest of the runs that fit in so long, one at least; one run comes before it and is not
// counted, unless it alone takes that long.
Seconds best_time(Clock& clock, Seconds budget, const std::function<void()>& run);

struct Product {
  std::int64_t m = 0, n = 0, k = 0;
  double flop() const {
    return 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

// FLOP/s of one product, warm.
double product_rate(Clock& clock, Product product, at::ScalarType type, Seconds budget);

// The type that is faster by a probe, and what the probe found.
struct Probe {
  double fp32 = 0, bf16 = 0;  // FLOP/s
  bool bf16_pays() const { return bf16 > fp32; }
};
Probe probe_products(Clock& clock);

// The points of each of the three axes: as many of 128, 512, 2048 and 4096 as `budget` allows.
std::vector<std::int64_t> product_axis(double flop_per_s, Seconds budget);

// Each tells; `progress` is called with the share of it that is done.
struct Listener {
  const Tell& tell;
  std::function<void(double share)> progress;
};
void measure_products(Clock& clock, at::ScalarType type, const std::vector<std::int64_t>& axis,
                      const Listener& listener);
void measure_sustained(Clock& clock, at::ScalarType type, double probed, Seconds time,
                       const Tell& tell);
void measure_attention(Clock& clock, at::ScalarType type, bool quick, const Tell& tell);
void measure_experts(Clock& clock, at::ScalarType type, bool quick, const Tell& tell);

}  // namespace celere::train
