#include "spec/precision.hpp"

#include "base/check.hpp"

namespace celere::spec {
namespace {

constexpr std::array<const char*, precision_count> names = {
    "fp32", "fp16", "bf16", "fp8-delayed", "fp8", "fp8-block", "mxfp8", "nvfp4"};

}  // namespace

const char* name_of(Precision precision) { return names[static_cast<std::size_t>(precision)]; }

std::optional<Precision> precision_named(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<Precision>(i);
  }
  return std::nullopt;
}

Arithmetic arithmetic_of(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return Arithmetic::fp32;
    case Precision::fp16:
    case Precision::bf16:
      return Arithmetic::bf16;
    case Precision::fp8_delayed:
    case Precision::fp8:
    case Precision::fp8_block:
    case Precision::mxfp8:
      return Arithmetic::fp8;
    case Precision::nvfp4:
      return Arithmetic::fp4;
  }
  CHECK(false);
}

}  // namespace celere::spec
