// Comma-separated values as RFC 4180 writes them, strictly: a first line of names, then records of
// as many cells. A cell in quotes may hold commas, line breaks and doubled quotes; a quote anywhere
// else is refused. Lines end in LF or CRLF, the last one may lack its end, and a byte order mark is
// passed over. Cells are text: what they mean is for the reader of the table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace celere {

struct CsvRow {
  int line = 0;  // on which it begins, from 1
  std::vector<std::string> cells;
};

struct CsvTable {
  std::string file;  // what messages call it
  std::vector<std::string> columns;
  std::vector<CsvRow> rows;  // each with as many cells as there are columns

  // The place of a column.
  std::optional<std::size_t> column(std::string_view name) const;
};

// Errors: bad_input with file and line (and the column, where one is known): an open quote, a stray
// one, a record of another length, a column without a name or with that of another.
Result<CsvTable> parse_csv(std::string_view text, std::string file);

// The table as text that parse_csv reads back: cells are quoted where they must be.
std::string written_csv(const CsvTable& table);

}  // namespace celere
