#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "base/csv.hpp"

// Whatever is read has rows of one length, and is written as text that reads back as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const celere::Result<celere::CsvTable> table = celere::parse_csv(text, "fuzz.csv");
  if (!table.ok()) return 0;
  const celere::Result<celere::CsvTable> back =
      celere::parse_csv(celere::written_csv(*table), "fuzz.csv");
  CHECK(back.ok());
  CHECK(back->columns == table->columns);
  CHECK(back->rows.size() == table->rows.size());
  for (std::size_t i = 0; i < table->rows.size(); ++i) {
    CHECK(table->rows[i].cells.size() == table->columns.size());
    CHECK(back->rows[i].cells == table->rows[i].cells);
  }
  return 0;
}
