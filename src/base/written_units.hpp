// Units as people write them: "400 Gb/s", "80 GiB", "75 T tokens", "700 M$", "0.07 $/kWh", "3.8e-3
// /day".
//
//   quantity = number, space, unit      unit = [prefix] symbol ["/" [prefix] symbol]
//   prefix   = k M G T P E (powers of 1000), Ki Mi Gi Ti Pi (of 1024), m u n p (small, for s, J, W
//   and $ no) symbol   = s min h hour day week year | B (byte) b (bit) | FLOP | token | $ | J W Wh
//   | nothing before "/"
//
// A plural s is accepted on words (days, tokens, FLOPs). A prefix may stand apart ("64 Mi tokens").
// b is a bit, B a byte, G is 1e9, Gi is 2^30: they are never confused, and a missing unit is an
// error whose message names units that would do.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/units.hpp"

namespace celere {

// Exponents of second, byte, FLOP, token, dollar, joule.
using Dimension = std::array<int, 6>;

template <int T, int D, int W, int K, int M, int E>
constexpr Dimension dimension_of(Quantity<T, D, W, K, M, E>) {
  return {T, D, W, K, M, E};
}

// The amount in base units. Errors: bad_input with what is wrong and an example of what would be
// right.
Result<double> parse_written(std::string_view text, Dimension dimension);

template <typename Q>
Result<Q> parse_quantity(std::string_view text) {
  auto amount = parse_written(text, dimension_of(Q{}));
  if (!amount.ok()) return std::move(amount).error();
  return Q::of(*amount);
}

// "12.5 %" or "0.125" as 0.125.
Result<double> parse_share(std::string_view text);

// A few amounts of this dimension, as a person would write them: "\"20 min\" or \"8 us\"".
std::string example_of(Dimension dimension);

// For people: three significant digits and the unit that suits the size ("1.53 s", "117 days",
// "71.2 GiB", "989 TFLOP/s", "400 Gb/s" is printed as "50 GB/s", "64 Mi tokens" when it is a whole
// power, "5.16 G$").
std::string written(Seconds);
std::string written(Bytes);           // binary prefixes: memory
std::string written(BytesPerSecond);  // decimal prefixes: bandwidth
std::string written(Flops);
std::string written(FlopsPerSecond);
std::string written(Tokens);
std::string written(TokensPerSecond);
std::string written(Dollars);
std::string written(Joules);  // as Wh: "1.2 TWh"
std::string written(Watts);
std::string written(PerSecond);           // as events a day
std::string written(DollarsPerSecond);    // as $/h
std::string written(DollarsPerJoule);     // as $/kWh
std::string written_count(double count);  // 98,304
std::string written_share(double share);  // 38.2 %

}  // namespace celere
