// What the items of a tensor are, as safetensors files name it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace celere::checkpoint {

enum class DataType : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  f8_e4m3,
  f8_e5m2,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean
};
inline constexpr int data_type_count = 15;

std::size_t item_size(DataType type);  // bytes
const char* name_of(DataType type);    // "F32", "BF16", "BOOL"
std::optional<DataType> data_type_named(std::string_view name);

}  // namespace celere::checkpoint
