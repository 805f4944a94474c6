// A TOML file as a plain tree that remembers its lines. toml++ and its exceptions stay in
// toml_tree.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/date.hpp"
#include "base/result.hpp"

namespace celere::spec {

enum class TomlKind : std::uint8_t { text, integer, number, boolean, date, time, list, table };

struct TomlNode {
  TomlKind kind = TomlKind::table;
  std::string key;    // where the parent is a table
  int line = 0;       // of the key, else of the value
  std::string place;  // "run.toml:4: model.layers", where it was taken from another file
  std::string text;
  std::int64_t integer = 0;
  double number = 0;  // of an integer too
  bool boolean = false;
  Date date{};                     // date: without a time of day
  std::vector<TomlNode> children;  // of a list, and of a table in the order of the file

  bool is(TomlKind other) const { return kind == other; }
  bool is_number() const { return kind == TomlKind::integer || kind == TomlKind::number; }
  // The entry of a table, or nothing.
  const TomlNode* child(std::string_view name) const;
};

// Puts the entries of `over` into `base`: tables into tables, and anything else in place of what
// has its key. REQUIRES: both are tables.
void merge_tables(TomlNode& base, const TomlNode& over);

// "a whole number", for messages.
const char* words_for(TomlKind kind);

// The root table. Errors: bad_input, "NAME:LINE:COLUMN: ...".
Result<TomlNode> parse_toml(std::string_view content, const std::string& name);

}  // namespace celere::spec
