// The number formats of a training step.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace celere::spec {

// What the matrix products of the linear layers are computed in; everything else stays bf16 (or
// fp32).
enum class Precision : std::uint8_t {
  fp32,
  fp16,
  bf16,
  fp8_delayed,  // one scale a tensor, from the history of its maximum
  fp8,          // one scale a tensor, from the tensor itself ("current scaling")
  fp8_block,    // 1 x 128 tiles and 128 x 128 blocks (DeepSeek-V3)
  mxfp8,        // 32 values a scale (OCP microscaling)
  nvfp4,        // 16 values a scale
};
inline constexpr int precision_count = 8;

const char* name_of(Precision precision);
std::optional<Precision> precision_named(std::string_view name);

// The arithmetic that a chip has a peak for.
enum class Arithmetic : std::uint8_t {
  fp32,
  bf16,
  fp8,
  fp4
};  // fp32: TF32 or plain, as the chip entry says
inline constexpr int arithmetic_count = 4;

Arithmetic arithmetic_of(
    Precision precision);  // fp16 counts as bf16: equal peaks on every chip here

}  // namespace celere::spec
