// The value below which a share of the observations lies; between two of them linearly.
#pragma once

#include <algorithm>
#include <vector>

namespace celere {

// REQUIRES: at least one value, in rising order; 0 <= share <= 1.
inline double quantile_of_sorted(const std::vector<double>& values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (place - static_cast<double>(low)) * (values[high] - values[low]);
}

// REQUIRES: at least one value, 0 <= share <= 1.
inline double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return quantile_of_sorted(values, share);
}

}  // namespace celere
