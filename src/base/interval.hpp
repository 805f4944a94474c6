// A value that says how sure it is: the best estimate with a low and a high end that hold it in 80
// % of cases. The ends are kept as they are given; combining independent relative errors adds their
// logarithms in quadrature, separately below and above (a first-order rule, exact for log-normal
// factors).
#pragma once

#include <cmath>

namespace celere {

template <typename T>
struct Interval {
  T value{};
  T low{};
  T high{};

  static constexpr Interval exactly(T v) { return {v, v, v}; }
};

// A relative uncertainty: the value is between value * low and value * high. REQUIRES: 0 < low <= 1
// <= high.
struct Spread {
  double low = 1;
  double high = 1;
};

// The spread of a product of independent factors.
inline Spread combined(Spread a, Spread b) {
  const auto hypot_log = [](double x, double y) { return std::hypot(std::log(x), std::log(y)); };
  return {std::exp(-hypot_log(a.low, b.low)), std::exp(hypot_log(a.high, b.high))};
}

// The spread of a quantity to the power `exponent` (negative: the ends change places).
inline Spread raised(Spread a, double exponent) {
  const double one = std::pow(a.low, exponent);
  const double two = std::pow(a.high, exponent);
  return one < two ? Spread{one, two} : Spread{two, one};
}

template <typename T>
Interval<T> spread_around(T value, Spread spread) {
  return {value, value * spread.low, value * spread.high};
}

}  // namespace celere
