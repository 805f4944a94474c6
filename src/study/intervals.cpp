#include "study/intervals.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "base/check.hpp"
#include "base/quantile.hpp"

namespace celere::study {
namespace {

constexpr double below = 0.1, above = 0.9;
constexpr double most = 0.8;  // of the rows whose distance sets how much wider incomplete ones are

using Choice = std::function<bool(const LeftOut&)>;

std::vector<double> residuals(const std::vector<LeftOut>& rows, const Choice& chosen) {
  std::vector<double> values;
  for (const LeftOut& row : rows) {
    if (chosen(row)) values.push_back(row.residual);
  }
  return values;
}

// The prediction itself is always inside.
Spread spread_of(const std::vector<double>& values) {
  return {std::exp(std::min(0.0, quantile(values, below))),
          std::exp(std::max(0.0, quantile(values, above)))};
}

bool inside(const LeftOut& row, const Spread& spread) {
  return std::log(spread.low) <= row.residual && row.residual <= std::log(spread.high);
}

}  // namespace

Intervals intervals_of(const std::vector<LeftOut>& rows) {
  CHECK(!rows.empty());
  Intervals out;
  for (const bool known : {false, true}) {
    for (const bool experts : {false, true}) {
      const auto same_kind = [&](const LeftOut& row) { return row.experts == experts; };
      std::vector<double> values =
          residuals(rows, [&](const LeftOut& row) { return same_kind(row) && row.known == known; });
      if (values.empty()) values = residuals(rows, same_kind);
      if (values.empty()) values = residuals(rows, [](const LeftOut&) { return true; });
      out.of[known ? 1 : 0][experts ? 1 : 0] = spread_of(values);
    }
  }
  const auto distance = [&](bool complete) {
    std::vector<double> values;
    for (const LeftOut& row : rows) {
      if (row.complete == complete) values.push_back(std::abs(row.residual));
    }
    return values.empty() ? 0 : quantile(values, most);
  };
  const double full = distance(true), empty = distance(false);
  if (full > 0) out.incomplete = std::max(1.0, empty / full);
  return out;
}

Coverage coverage_of(const std::vector<LeftOut>& rows, const Intervals& intervals) {
  std::map<std::string, Intervals> of_others;
  for (const LeftOut& row : rows) {
    if (of_others.count(row.family) > 0) continue;
    std::vector<LeftOut> others;
    for (const LeftOut& other : rows) {
      if (other.family != row.family) others.push_back(other);
    }
    of_others[row.family] = others.empty() ? intervals : intervals_of(others);
  }
  Coverage coverage;
  for (const LeftOut& row : rows) {
    const double one = 1.0 / static_cast<double>(rows.size());
    const Spread own = intervals.at(row.known, row.experts, row.complete);
    const Spread other = of_others[row.family].at(row.known, row.experts, row.complete);
    coverage.inside += inside(row, own) ? one : 0;
    coverage.nested += inside(row, other) ? one : 0;
  }
  return coverage;
}

}  // namespace celere::study
