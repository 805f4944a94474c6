// Whatever the bytes: a file is read or refused, every accessor gives a value, nothing is thrown.
#include <cstddef>
#include <cstdint>

#include "spec/toml_reader.hpp"

namespace {

using celere::spec::TomlTable;

void read_all(const TomlTable& table, int depth) {
  for (const std::string& key : table.keys()) {
    (void)table.text(key);
    (void)table.integer(key, 1, 100);
    (void)table.number(key, 0, 1);
    (void)table.boolean_or(key, true);
    (void)table.integers(key);
    (void)table.numbers(key);
    (void)table.texts(key);
    (void)table.rows(key);
    (void)table.choice(key, {"one", "two"}, 0);
    (void)table.quantity<celere::Bytes>(key);
    (void)table.fact<celere::Watts>(key);
    (void)table.number_fact(key);
    (void)table.date_if(key);
    if (depth == 0) continue;
    if (table.is_table(key)) read_all(table.table(key), depth - 1);
    for (const TomlTable& element : table.tables(key)) read_all(element, depth - 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto document =
      celere::spec::TomlDocument::parse({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!document.ok()) return 0;
  read_all((*document)->root(), 4);
  (void)(*document)->finish().ok();
  (void)(*document)->asked();
  return 0;
}
