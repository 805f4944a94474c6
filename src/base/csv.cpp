#include "base/csv.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace celere {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// Walks the text record by record.
class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : text_(text), file_(file) {
    if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
  }

  bool done() const { return at_ == text_.size(); }

  Result<CsvRow> record() {
    CsvRow row{.line = line_, .cells = {}};
    for (;;) {
      ASSIGN_OR_RETURN(std::string cell, this->cell(row.cells.size() + 1));
      row.cells.push_back(std::move(cell));
      if (done()) return row;
      if (take(',')) continue;
      take('\r');
      take('\n');  // cell() stops at nothing else
      ++line_;
      return row;
    }
  }

 private:
  bool take(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool at_line_end() const {
    const std::string_view rest = text_.substr(at_);
    return rest.starts_with('\n') || rest.starts_with("\r\n");
  }

  Error wrong(std::size_t column, const char* what) const {
    return bad_input(fmt::format("{}:{}: column {}: {}", file_, line_, column, what));
  }

  Result<std::string> cell(std::size_t column) {
    if (take('"')) return quoted(column);
    const std::size_t from = at_;
    while (!done() && text_[at_] != ',' && !at_line_end()) {
      if (text_[at_] == '"') {
        return wrong(column,
                     "a quote inside a cell that does not begin with one; quote the whole "
                     "cell and double the quote");
      }
      ++at_;
    }
    return std::string(text_.substr(from, at_ - from));
  }

  Result<std::string> quoted(std::size_t column) {
    const int opened = line_;
    std::string cell;
    while (!done()) {
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (c != '"') {
        cell += c;
      } else if (take('"')) {
        cell += '"';
      } else if (done() || text_[at_] == ',' || at_line_end()) {
        return cell;
      } else {
        return wrong(column, "text behind the closing quote; double a quote that is meant");
      }
    }
    line_ = opened;
    return wrong(column, "the quote that opens here is never closed");
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
  int line_ = 1;
};

Status check_names(const CsvTable& table) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& name = table.columns[i];
    if (name.empty()) {
      return bad_input(fmt::format("{}:1: column {} has no name", table.file, i + 1));
    }
    if (*table.column(name) != i) {
      return bad_input(fmt::format("{}:1: columns {} and {} are both \"{}\"", table.file,
                                   *table.column(name) + 1, i + 1, name));
    }
  }
  return Done{};
}

void write_cell(std::string& out, const std::string& cell) {
  const bool plain = cell.find_first_of(",\"\r\n") == std::string::npos;
  // At the beginning of the text a byte order mark would be passed over.
  if (plain && !cell.starts_with(byte_order_mark)) {
    out += cell;
    return;
  }
  out += '"';
  for (const char c : cell) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void write_record(std::string& out, const std::vector<std::string>& cells) {
  // A record of one empty cell would read as the end of the text.
  if (cells.size() == 1 && cells.front().empty()) out += "\"\"";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    write_cell(out, cells[i]);
  }
  out += '\n';
}

}  // namespace

std::optional<std::size_t> CsvTable::column(std::string_view name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

Result<CsvTable> parse_csv(std::string_view text, std::string file) {
  CsvTable table{.file = std::move(file), .columns = {}, .rows = {}};
  Reader reader(text, table.file);
  if (reader.done()) {
    return bad_input(fmt::format("{}:1: is empty; the first line names the columns", table.file));
  }
  ASSIGN_OR_RETURN(CsvRow names, reader.record());
  table.columns = std::move(names.cells);
  RETURN_IF_ERROR(check_names(table));
  while (!reader.done()) {
    ASSIGN_OR_RETURN(CsvRow row, reader.record());
    if (row.cells.size() != table.columns.size()) {
      return bad_input(fmt::format("{}:{}: has {} cells, and the first line names {} columns",
                                   table.file, row.line, row.cells.size(), table.columns.size()));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string written_csv(const CsvTable& table) {
  std::string out;
  write_record(out, table.columns);
  for (const CsvRow& row : table.rows) write_record(out, row.cells);
  return out;
}

}  // namespace celere
