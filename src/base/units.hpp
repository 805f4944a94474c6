// Units as types: bytes over bytes a second are seconds, and nothing converts from a bare number.
//
// A Quantity is a double in the base units second, byte, FLOP, token, dollar and joule, with the
// exponent of each in its type. Sums need equal types, products and quotients make new ones, and a
// quotient of equal types is a plain double. Written units ("400 Gb/s") are read and printed by
// base/written_units.hpp.
#pragma once

#include <compare>

namespace celere {

template <int Time, int Data, int Work, int Token, int Money, int Energy>
class Quantity {
 public:
  constexpr Quantity() = default;

  // In base units: say what they are by naming the type, as in Seconds::of(0.5).
  static constexpr Quantity of(double base_units) { return Quantity(base_units); }
  constexpr double in_base() const { return value_; }

  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return of(a.value_ + b.value_); }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return of(a.value_ - b.value_); }
  friend constexpr Quantity operator-(Quantity a) { return of(-a.value_); }
  friend constexpr Quantity operator*(Quantity a, double b) { return of(a.value_ * b); }
  friend constexpr Quantity operator*(double a, Quantity b) { return of(a * b.value_); }
  friend constexpr Quantity operator/(Quantity a, double b) { return of(a.value_ / b); }
  constexpr Quantity& operator+=(Quantity other) {
    value_ += other.value_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value_ -= other.value_;
    return *this;
  }
  constexpr Quantity& operator*=(double factor) {
    value_ *= factor;
    return *this;
  }

 private:
  explicit constexpr Quantity(double value) : value_(value) {}
  double value_ = 0;
};

// What a product or quotient becomes: a plain double once every exponent is 0.
template <int T, int D, int W, int K, int M, int E>
constexpr auto quantity_or_number(double value) {
  if constexpr (T == 0 && D == 0 && W == 0 && K == 0 && M == 0 && E == 0) {
    return value;
  } else {
    return Quantity<T, D, W, K, M, E>::of(value);
  }
}

template <int T, int D, int W, int K, int M, int E, int T2, int D2, int W2, int K2, int M2, int E2>
constexpr auto operator*(Quantity<T, D, W, K, M, E> a, Quantity<T2, D2, W2, K2, M2, E2> b) {
  return quantity_or_number<T + T2, D + D2, W + W2, K + K2, M + M2, E + E2>(a.in_base() *
                                                                            b.in_base());
}

template <int T, int D, int W, int K, int M, int E, int T2, int D2, int W2, int K2, int M2, int E2>
constexpr auto operator/(Quantity<T, D, W, K, M, E> a, Quantity<T2, D2, W2, K2, M2, E2> b) {
  return quantity_or_number<T - T2, D - D2, W - W2, K - K2, M - M2, E - E2>(a.in_base() /
                                                                            b.in_base());
}

template <int T, int D, int W, int K, int M, int E>
constexpr auto operator/(double a, Quantity<T, D, W, K, M, E> b) {
  return quantity_or_number<-T, -D, -W, -K, -M, -E>(a / b.in_base());
}

using Seconds = Quantity<1, 0, 0, 0, 0, 0>;
using Bytes = Quantity<0, 1, 0, 0, 0, 0>;
using Flops = Quantity<0, 0, 1, 0, 0, 0>;
using Tokens = Quantity<0, 0, 0, 1, 0, 0>;
using Dollars = Quantity<0, 0, 0, 0, 1, 0>;
using Joules = Quantity<0, 0, 0, 0, 0, 1>;

using PerSecond = Quantity<-1, 0, 0, 0, 0, 0>;  // a rate of events: failures a second
using BytesPerSecond = Quantity<-1, 1, 0, 0, 0, 0>;
using FlopsPerSecond = Quantity<-1, 0, 1, 0, 0, 0>;
using TokensPerSecond = Quantity<-1, 0, 0, 1, 0, 0>;
using DollarsPerSecond = Quantity<-1, 0, 0, 0, 1, 0>;
using DollarsPerJoule = Quantity<0, 0, 0, 0, 1, -1>;
using Watts = Quantity<-1, 0, 0, 0, 0, 1>;

template <typename Q>
constexpr Q max(Q a, Q b) {
  return a < b ? b : a;
}
template <typename Q>
constexpr Q min(Q a, Q b) {
  return b < a ? b : a;
}

inline namespace literals {
// clang-format off
constexpr Seconds operator""_s(long double v) { return Seconds::of(double(v)); }
constexpr Seconds operator""_s(unsigned long long v) { return Seconds::of(double(v)); }
constexpr Seconds operator""_ms(long double v) { return Seconds::of(double(v) * 1e-3); }
constexpr Seconds operator""_ms(unsigned long long v) { return Seconds::of(double(v) * 1e-3); }
constexpr Seconds operator""_us(long double v) { return Seconds::of(double(v) * 1e-6); }
constexpr Seconds operator""_us(unsigned long long v) { return Seconds::of(double(v) * 1e-6); }
constexpr Seconds operator""_h(unsigned long long v) { return Seconds::of(double(v) * 3600); }
constexpr Seconds operator""_days(unsigned long long v) { return Seconds::of(double(v) * 86400); }
constexpr Bytes operator""_B(unsigned long long v) { return Bytes::of(double(v)); }
constexpr Bytes operator""_MB(unsigned long long v) { return Bytes::of(double(v) * 1e6); }
constexpr Bytes operator""_GB(unsigned long long v) { return Bytes::of(double(v) * 1e9); }
constexpr Bytes operator""_MiB(unsigned long long v) { return Bytes::of(double(v) * 1048576); }
constexpr Bytes operator""_GiB(unsigned long long v) { return Bytes::of(double(v) * 1073741824); }
constexpr BytesPerSecond operator""_GBps(unsigned long long v) {
  return BytesPerSecond::of(double(v) * 1e9);
}
constexpr FlopsPerSecond operator""_TFLOPps(unsigned long long v) {
  return FlopsPerSecond::of(double(v) * 1e12);
}
// clang-format on
}  // namespace literals

}  // namespace celere
