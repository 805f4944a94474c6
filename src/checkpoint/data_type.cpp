#include "checkpoint/data_type.hpp"

#include <array>

namespace celere::checkpoint {
namespace {

struct Row {
  const char* name;
  std::size_t size;
};

// In the order of DataType.
constexpr std::array<Row, data_type_count> rows{{{"F64", 8},
                                                 {"F32", 4},
                                                 {"F16", 2},
                                                 {"BF16", 2},
                                                 {"F8_E4M3", 1},
                                                 {"F8_E5M2", 1},
                                                 {"I64", 8},
                                                 {"I32", 4},
                                                 {"I16", 2},
                                                 {"I8", 1},
                                                 {"U64", 8},
                                                 {"U32", 4},
                                                 {"U16", 2},
                                                 {"U8", 1},
                                                 {"BOOL", 1}}};

}  // namespace

std::size_t item_size(DataType type) { return rows[static_cast<std::size_t>(type)].size; }

const char* name_of(DataType type) { return rows[static_cast<std::size_t>(type)].name; }

std::optional<DataType> data_type_named(std::string_view name) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (name == rows[i].name) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

}  // namespace celere::checkpoint
