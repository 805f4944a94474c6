// Of train/measure: products, attention and experts.
#pragma once

#include "nn/torch.hpp"
#include "train/measure.hpp"

namespace celere::train {

// The shortest of the runs that fit in so long, three at least, behind one that does not count; but
// where that one takes eight times as long, it is the only one.
Seconds best_time(Clock& clock, Seconds budget, const std::function<void()>& run);

struct Product {
  std::int64_t m = 0, n = 0, k = 0;
  double flop() const {
    return 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

// FLOP/s of one product, warm.
double product_rate(Clock& clock, Product product, at::ScalarType type, Seconds budget);

// What each type reaches at a middling shape; `has_bf16`: by the processor's instructions.
struct Probe {
  double fp32 = 0, bf16 = 0;  // FLOP/s
};
Probe probe_products(Clock& clock, bool has_bf16);

// The points of each of the three axes: as many of 128, 512, 2048 and 4096 as `budget` allows.
std::vector<std::int64_t> product_axis(double flop_per_s, Seconds budget);

// Each tells; `progress` is called with the share of it that is done.
struct Listener {
  const Tell& tell;
  std::function<void(double share)> progress;
};
void measure_products(Clock& clock, at::ScalarType type, const std::vector<std::int64_t>& axis,
                      const Listener& listener);
// Both types in four turns each, of which the best counts, so that what else the machine does bears
// on both and as little as may be. Gives back whether bf16 is the faster.
bool measure_sustained(Clock& clock, const Probe& probe, Seconds time, const Tell& tell);
void measure_attention(Clock& clock, at::ScalarType type, bool quick, const Tell& tell);
void measure_experts(Clock& clock, at::ScalarType type, bool quick, const Tell& tell);

}  // namespace celere::train
