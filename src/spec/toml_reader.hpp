// TOML into checked values, with every mistake named by file, line and key.
//
// A reader never stops at the first mistake: each accessor notes what is wrong and gives back a
// harmless value, and finish() returns all that was noted as one error, in the order of the lines.
// A key that nobody asked for is a mistake too, with the nearest known key as advice. A number of
// the catalogue is a *fact*, written
//
//   bf16 = { is = "989 TFLOP/s", grade = "maker", from = "STAS" }
//   hbm  = { is = "unknown", grade = "secondary", from = "STAS" }
//   mtbf = { is = "3 h", low = "2 h", high = "5 h", grade = "derived", from = "Llama 3, table 5" }
//
// where `from` names an entry of the file's [sources] table, or is itself the source if it holds a
// space or a slash. A fact without a dimension may be a number or a text ("95 %"). Amounts are
// never negative.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/date.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "base/written_units.hpp"
#include "spec/fact.hpp"
#include "spec/toml_tree.hpp"

namespace celere::spec {

class TomlDocument;

// A view of one table; cheap to copy, valid as long as its document.
class TomlTable {
 public:
  bool has(std::string_view key) const;
  // In the order of the file; marks none as asked for.
  std::vector<std::string> keys() const;

  std::string text(std::string_view key) const;  // required, not empty
  std::string text_or(std::string_view key, std::string_view fallback) const;
  std::int64_t integer(std::string_view key, std::int64_t low = 0,
                       std::int64_t high = std::numeric_limits<std::int64_t>::max()) const;
  std::int64_t integer_or(std::string_view key, std::int64_t fallback, std::int64_t low = 0,
                          std::int64_t high = std::numeric_limits<std::int64_t>::max()) const;
  double number(std::string_view key, double low, double high) const;
  double number_or(std::string_view key, double fallback, double low, double high) const;
  bool boolean_or(std::string_view key, bool fallback) const;
  std::vector<std::int64_t> integers(std::string_view key) const;     // required
  std::vector<double> numbers(std::string_view key) const;            // required
  std::vector<std::string> texts(std::string_view key) const;         // empty where absent
  std::vector<std::vector<double>> rows(std::string_view key) const;  // required: lists in a list

  // One of `names`, as its place in the list; `fallback` where absent (negative: required).
  int choice(std::string_view key, const std::vector<std::string>& names, int fallback) const;
  // Required, and nothing where it is none of them: then all that follows from it is unknown.
  std::optional<int> chosen(std::string_view key, const std::vector<std::string>& names) const;

  template <typename Q>
  Q quantity(std::string_view key) const {
    return Q::of(written_amount(key, dimension_of(Q{})).value_or(1.0));
  }
  template <typename Q>
  std::optional<Q> quantity_if(std::string_view key) const {
    if (!has(key)) return std::nullopt;
    return quantity<Q>(key);
  }

  std::optional<Date> date_if(std::string_view key) const;  // 2024-07-22, without quotes
  Date date(std::string_view key) const;                    // required

  template <typename Q>
  Fact<Q> fact(std::string_view key) const {  // required; "unknown" is a value
    return to_fact<Q>(written_fact(key, dimension_of(Q{})));
  }
  Fact<double> number_fact(std::string_view key) const { return written_fact(key, Dimension{}); }

  TomlTable table(std::string_view key) const;  // required
  std::optional<TomlTable> table_if(std::string_view key) const;
  std::vector<TomlTable> tables(std::string_view key) const;  // empty where absent

  bool is_text(std::string_view key) const;  // false where absent; so the two below
  bool is_list(std::string_view key) const;
  bool is_table(std::string_view key) const;

  // A copy of the table in which every entry knows its place, to be read with another file's; it
  // counts as asked for.
  TomlNode taken() const;

  int line_of(std::string_view key) const;  // of the key where it stands, else of the table
  std::string place_of(std::string_view key) const;  // "file:14: train.batch"
  // Notes a mistake at `key`: "FILE:LINE: TABLE.KEY: MESSAGE".
  void mistake(std::string_view key, const std::string& message) const;

 private:
  friend class TomlDocument;
  TomlTable(TomlDocument* document, const TomlNode* table, std::string path)
      : document_(document), table_(table), path_(std::move(path)) {}

  const TomlNode* find(std::string_view key) const;      // and marks it as asked for
  const TomlNode* required(std::string_view key) const;  // notes its absence
  // The node where it is a list; notes what else it is.
  const TomlNode* list(const TomlNode* node, std::string_view key, const char* right) const;
  void wrong_kind(std::string_view key, const TomlNode& node, std::string_view right) const;
  std::optional<double> finite_number(std::string_view key, const TomlNode& node) const;
  std::optional<std::int64_t> whole_number(std::string_view key, const TomlNode& node) const;
  TomlTable open(std::string_view key, const TomlNode* node) const;
  std::optional<double> written_amount(std::string_view key, Dimension dimension) const;
  std::optional<double> amount_or_number(std::string_view key, Dimension dimension) const;
  Fact<double> written_fact(std::string_view key, Dimension dimension) const;
  template <typename Q>
  static Fact<Q> to_fact(const Fact<double>& raw) {
    Fact<Q> out;
    if (raw.value) out.value = Q::of(*raw.value);
    out.low = Q::of(raw.low);
    out.high = Q::of(raw.high);
    out.grade = raw.grade;
    out.source = raw.source;
    out.where = raw.where;
    return out;
  }

  TomlDocument* document_;
  const TomlNode* table_;  // nothing: the table is missing, which was noted
  std::string path_;
};

class TomlDocument {
 public:
  // `name` is what messages call the file. Errors: bad_input with file, line and column.
  static Result<std::unique_ptr<TomlDocument>> parse(std::string_view content, std::string name);
  // Of a table that no file holds, such as a flag's; messages name no line where it is 0.
  static std::unique_ptr<TomlDocument> of(TomlNode root, std::string name);
  ~TomlDocument();

  TomlTable root();
  const std::string& name() const { return name_; }

  // All mistakes so far, and every key that was never asked for; ok where there are none.
  Status finish();

  // Every key that was asked for in a table that stands in the file, dotted ("train.batch"),
  // sorted.
  std::vector<std::string> asked() const;

  // The line of every key of its tables, dotted.
  std::map<std::string, int> lines() const;

 private:
  friend class TomlTable;
  struct Impl;
  TomlDocument();
  std::string name_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace celere::spec
