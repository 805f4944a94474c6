#include "base/check.hpp"
#include "nn/kernels/kernels.hpp"

namespace celere::nn::kernels {

namespace avx2 {
const Table& table();
}
namespace avx512 {
const Table& table();
}

Capability capability_here() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return Capability::avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Capability::avx2;
  return Capability::plain;
}

const char* name_of(Capability capability) {
  switch (capability) {
    case Capability::plain:
      return "plain";
    case Capability::avx2:
      return "AVX2";
    case Capability::avx512:
      return "AVX-512";
  }
  CHECK(false);
}

const Table& table_of(Capability capability) {
  CHECK(capability != Capability::plain);
  return capability == Capability::avx512 ? avx512::table() : avx2::table();
}

std::int64_t attend_scratch(std::int64_t length, std::int64_t dim, std::int64_t value_dim) {
  // As attention_kernel.cpp lays them out: the keys and values of one head three times, and five
  // blocks of 32 queries; every extent padded to 32.
  const auto padded = [](std::int64_t n) { return (n + 31) / 32 * 32; };
  const std::int64_t width = padded(length), both = padded(dim) + padded(value_dim);
  return 3 * width * both + 32 * (3 * both + 3 * width);
}

}  // namespace celere::nn::kernels
