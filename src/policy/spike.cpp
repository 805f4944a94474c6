#include "policy/spike.hpp"

#include <algorithm>
#include <cmath>

namespace celere::policy {
namespace {

inline constexpr std::size_t losses_remembered = 64, losses_needed = 32;
inline constexpr double z_max = 8, above_min = 1.05, nats_min = 0.2;
inline constexpr int spikes_in_a_row_max = 200;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

bool SpikeDetector::is_spike(Step step, double loss) {
  while (!losses_.empty() && losses_.back().first >= step) losses_.pop_back();
  bool spike = false;
  if (losses_.size() >= losses_needed) {
    std::vector<double> values;
    for (const auto& entry : losses_) values.push_back(entry.second);
    const double middle = median(values);
    for (double& value : values) value = std::abs(value - middle);
    const double scale = 1.4826 * median(values);
    spike = loss - middle > std::max(z_max * scale, nats_min) && loss > above_min * middle;
  }
  in_a_row_ = spike ? in_a_row_ + 1 : 0;
  if (in_a_row_ > spikes_in_a_row_max) {
    losses_.clear();
    in_a_row_ = 0;
    spike = false;
  }
  if (!spike) losses_.emplace_back(step, loss);
  if (losses_.size() > losses_remembered) losses_.erase(losses_.begin());
  return spike;
}

}  // namespace celere::policy
