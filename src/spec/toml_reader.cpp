#include "spec/toml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "base/check.hpp"
#include "spec/nearest.hpp"

namespace celere::spec {

struct TomlDocument::Impl {
  struct Mistake {
    int line;
    std::string text;
    friend auto operator<=>(const Mistake&, const Mistake&) = default;
  };
  // A table that somebody looked into; one that nobody opened is reported as one unknown key.
  struct Opened {
    std::string path;
    std::set<std::string, std::less<>> asked;
  };
  TomlNode root;
  std::vector<Mistake> mistakes;
  std::map<const TomlNode*, Opened> opened;
  std::map<std::string, std::string, std::less<>> sources;
};

const TomlNode* TomlTable::find(std::string_view key) const {
  if (table_ == nullptr) return nullptr;
  document_->impl_->opened[table_].asked.emplace(key);
  return table_->child(key);
}

const TomlNode* TomlTable::required(std::string_view key) const {
  const TomlNode* node = find(key);
  if (node == nullptr) mistake(key, "is missing");
  return node;
}

void TomlTable::wrong_kind(std::string_view key, const TomlNode& node,
                           std::string_view right) const {
  mistake(key, fmt::format("is {}, and must be {}", words_for(node.kind), right));
}

// A number that TOML wrote with or without a point; nothing (and a mistake) otherwise.
std::optional<double> TomlTable::finite_number(std::string_view key, const TomlNode& node) const {
  if (!node.is_number()) {
    wrong_kind(key, node, "a number");
    return std::nullopt;
  }
  if (!std::isfinite(node.number)) {
    mistake(key, fmt::format("is {}, and must be finite", node.number));
    return std::nullopt;
  }
  return node.number;
}

std::optional<std::int64_t> TomlTable::whole_number(std::string_view key,
                                                    const TomlNode& node) const {
  if (node.is(TomlKind::integer)) return node.integer;
  wrong_kind(key, node, "a whole number");
  return std::nullopt;
}

TomlTable TomlTable::open(std::string_view key, const TomlNode* node) const {
  std::string path = path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  if (node != nullptr) document_->impl_->opened[node].path = path;
  return TomlTable(document_, node, std::move(path));
}

bool TomlTable::has(std::string_view key) const { return find(key) != nullptr; }

bool TomlTable::is_text(std::string_view key) const {
  const TomlNode* node = find(key);
  return node != nullptr && node->is(TomlKind::text);
}

bool TomlTable::is_list(std::string_view key) const {
  const TomlNode* node = find(key);
  return node != nullptr && node->is(TomlKind::list);
}

bool TomlTable::is_table(std::string_view key) const {
  const TomlNode* node = find(key);
  return node != nullptr && node->is(TomlKind::table);
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> keys;
  if (table_ == nullptr) return keys;
  for (const TomlNode& child : table_->children) keys.push_back(child.key);
  return keys;
}

std::string TomlTable::text(std::string_view key) const {
  const TomlNode* node = required(key);
  if (node == nullptr) return "?";
  if (!node->is(TomlKind::text)) {
    wrong_kind(key, *node, "a text");
    return "?";
  }
  if (node->text.empty()) {
    mistake(key, "is empty");
    return "?";
  }
  return node->text;
}

std::string TomlTable::text_or(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string(fallback);
}

std::int64_t TomlTable::integer(std::string_view key, std::int64_t low, std::int64_t high) const {
  const TomlNode* node = required(key);
  const std::int64_t harmless = std::max<std::int64_t>(low, 1);
  if (node == nullptr) return harmless;
  const std::optional<std::int64_t> value = whole_number(key, *node);
  if (!value) return harmless;
  if (*value < low || *value > high) {
    mistake(key, high == std::numeric_limits<std::int64_t>::max()
                     ? fmt::format("is {}, and must be at least {}", *value, low)
                     : fmt::format("is {}, and must be from {} to {}", *value, low, high));
    return harmless;
  }
  return *value;
}

std::int64_t TomlTable::integer_or(std::string_view key, std::int64_t fallback, std::int64_t low,
                                   std::int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

double TomlTable::number(std::string_view key, double low, double high) const {
  const TomlNode* node = required(key);
  if (node == nullptr) return low;
  const std::optional<double> value = finite_number(key, *node);
  if (!value) return low;
  if (*value < low || *value > high) {
    mistake(key, fmt::format("is {}, and must be from {} to {}", *value, low, high));
    return low;
  }
  return *value;
}

double TomlTable::number_or(std::string_view key, double fallback, double low, double high) const {
  return has(key) ? number(key, low, high) : fallback;
}

bool TomlTable::boolean_or(std::string_view key, bool fallback) const {
  const TomlNode* node = find(key);
  if (node == nullptr) return fallback;
  if (!node->is(TomlKind::boolean)) {
    wrong_kind(key, *node, "true or false");
    return fallback;
  }
  return node->boolean;
}

const TomlNode* TomlTable::list(const TomlNode* node, std::string_view key,
                                const char* right) const {
  if (node == nullptr || node->is(TomlKind::list)) return node;
  wrong_kind(key, *node, right);
  return nullptr;
}

std::vector<std::int64_t> TomlTable::integers(std::string_view key) const {
  std::vector<std::int64_t> values;
  const TomlNode* node = list(required(key), key, "a list of whole numbers");
  if (node == nullptr) return values;
  for (const TomlNode& element : node->children) {
    if (const auto value = whole_number(key, element)) values.push_back(*value);
  }
  return values;
}

std::vector<double> TomlTable::numbers(std::string_view key) const {
  std::vector<double> values;
  const TomlNode* node = list(required(key), key, "a list of numbers");
  if (node == nullptr) return values;
  for (const TomlNode& element : node->children) {
    if (const auto value = finite_number(key, element)) values.push_back(*value);
  }
  return values;
}

std::vector<std::string> TomlTable::texts(std::string_view key) const {
  std::vector<std::string> values;
  const TomlNode* node = list(find(key), key, "a list of texts");
  if (node == nullptr) return values;
  for (const TomlNode& element : node->children) {
    if (element.is(TomlKind::text)) {
      values.push_back(element.text);
    } else {
      wrong_kind(key, element, "a text");
    }
  }
  return values;
}

std::vector<std::vector<double>> TomlTable::rows(std::string_view key) const {
  std::vector<std::vector<double>> rows;
  const TomlNode* node = list(required(key), key, "a list of lists of numbers");
  if (node == nullptr) return rows;
  for (const TomlNode& element : node->children) {
    if (list(&element, key, "a list of numbers") == nullptr) continue;
    std::vector<double>& row = rows.emplace_back();
    for (const TomlNode& cell : element.children) {
      if (const auto value = finite_number(key, cell)) row.push_back(*value);
    }
  }
  return rows;
}

int TomlTable::choice(std::string_view key, const std::vector<std::string>& names,
                      int fallback) const {
  if (fallback >= 0 && !has(key)) return fallback;
  return chosen(key, names).value_or(std::max(0, fallback));
}

std::optional<int> TomlTable::chosen(std::string_view key,
                                     const std::vector<std::string>& names) const {
  const TomlNode* node = required(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is(TomlKind::text)) {
    wrong_kind(key, *node, fmt::format("one of {}", fmt::join(names, ", ")));
    return std::nullopt;
  }
  const auto found = std::find(names.begin(), names.end(), node->text);
  if (found != names.end()) return static_cast<int>(found - names.begin());
  mistake(key, fmt::format("\"{}\" is none of {}", node->text, fmt::join(names, ", ")));
  return std::nullopt;
}

std::optional<double> TomlTable::written_amount(std::string_view key, Dimension dimension) const {
  const TomlNode* node = required(key);
  if (node == nullptr) return std::nullopt;
  if (node->is_number()) {
    mistake(key, fmt::format("{} has no unit; write for example {}", node->number,
                             example_of(dimension)));
    return std::nullopt;
  }
  if (!node->is(TomlKind::text)) {
    wrong_kind(key, *node, fmt::format("a text with a unit, such as {}", example_of(dimension)));
    return std::nullopt;
  }
  const Result<double> amount = parse_written(node->text, dimension);
  if (!amount.ok()) {
    mistake(key, amount.error().message);
    return std::nullopt;
  }
  if (*amount < 0) {
    mistake(key, fmt::format("\"{}\" is negative", node->text));
    return std::nullopt;
  }
  return *amount;
}

// A part of a fact; nothing where it is absent.
std::optional<double> TomlTable::amount_or_number(std::string_view key, Dimension dimension) const {
  const TomlNode* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (dimension != Dimension{} || node->is(TomlKind::text)) return written_amount(key, dimension);
  const std::optional<double> value = finite_number(key, *node);
  if (value && *value < 0) {
    mistake(key, fmt::format("{} is negative", *value));
    return std::nullopt;
  }
  return value;
}

Fact<double> TomlTable::written_fact(std::string_view key, Dimension dimension) const {
  Fact<double> fact;
  fact.where = fmt::format("{}: {}{}{}", document_->name(), path_, path_.empty() ? "" : ".", key);
  const TomlNode* node = required(key);
  if (node == nullptr) return fact;
  if (!node->is(TomlKind::table)) {
    wrong_kind(key, *node, "{ is = ..., grade = \"...\", from = \"...\" }");
    return fact;
  }
  const TomlTable written = open(key, node);
  const TomlNode* is = written.required("is");
  if (is != nullptr && !(is->is(TomlKind::text) && is->text == "unknown")) {
    fact.value = written.amount_or_number("is", dimension);
  }
  fact.low = written.amount_or_number("low", dimension).value_or(fact.value.value_or(0));
  fact.high = written.amount_or_number("high", dimension).value_or(fact.value.value_or(0));
  if (fact.value && !(fact.low <= *fact.value && *fact.value <= fact.high)) {
    mistake(key, "must lie between its low and its high end");
  }
  std::vector<std::string> grades;
  for (int grade = 0; grade < grade_count; ++grade) {
    grades.emplace_back(name_of(static_cast<Grade>(grade)));
  }
  fact.grade = static_cast<Grade>(written.choice("grade", grades, -1));
  fact.source = written.text("from");
  const auto& sources = document_->impl_->sources;
  if (const auto named = sources.find(fact.source); named != sources.end()) {
    fact.source = named->second;
  } else if (fact.source.find_first_of(" /") == std::string::npos && fact.source != "?") {
    written.mistake("from", fmt::format("\"{}\" is not in [sources]", fact.source));
  }
  return fact;
}

std::optional<Date> TomlTable::date_if(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  return date(key);
}

Date TomlTable::date(std::string_view key) const {
  const TomlNode* node = required(key);
  if (node == nullptr) return {};
  if (!node->is(TomlKind::date)) wrong_kind(key, *node, "a date without quotes: 2024-07-22");
  return node->date;
}

TomlTable TomlTable::table(std::string_view key) const {
  const TomlNode* node = required(key);
  if (node != nullptr && !node->is(TomlKind::table)) {
    wrong_kind(key, *node, "a table");
    node = nullptr;
  }
  return open(key, node);
}

std::optional<TomlTable> TomlTable::table_if(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  return table(key);
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) const {
  std::vector<TomlTable> tables;
  const TomlNode* node = list(find(key), key, "a list of tables");
  if (node == nullptr) return tables;
  for (const TomlNode& element : node->children) {
    if (element.is(TomlKind::table)) {
      tables.push_back(open(key, &element));
    } else {
      wrong_kind(key, element, "a table");
    }
  }
  return tables;
}

TomlNode TomlTable::taken() const {
  TomlNode copy;
  if (table_ == nullptr) return copy;
  for (const TomlNode& child : table_->children) {
    TomlNode entry = *find(child.key);
    if (child.is(TomlKind::table)) entry.children = table(child.key).taken().children;
    entry.place = place_of(child.key);
    copy.children.push_back(std::move(entry));
  }
  return copy;
}

int TomlTable::line_of(std::string_view key) const {
  if (table_ == nullptr) return 0;
  const TomlNode* node = table_->child(key);
  return node != nullptr ? node->line : table_->line;
}

std::string TomlTable::place_of(std::string_view key) const {
  const TomlNode* own = table_ == nullptr ? nullptr : table_->child(key);
  if (own != nullptr && !own->place.empty()) return own->place;
  const std::string full = path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  const int line = line_of(key);
  if (line == 0) return fmt::format("{}: {}", document_->name(), full);
  return fmt::format("{}:{}: {}", document_->name(), line, full);
}

void TomlTable::mistake(std::string_view key, const std::string& message) const {
  if (table_ == nullptr) return;  // its absence was noted already
  document_->impl_->mistakes.push_back(
      {line_of(key), fmt::format("{}: {}", place_of(key), message)});
}

TomlDocument::TomlDocument() : impl_(std::make_unique<Impl>()) {}
TomlDocument::~TomlDocument() = default;

Result<std::unique_ptr<TomlDocument>> TomlDocument::parse(std::string_view content,
                                                          std::string name) {
  ASSIGN_OR_RETURN(TomlNode root, parse_toml(content, name));
  return of(std::move(root), std::move(name));
}

std::unique_ptr<TomlDocument> TomlDocument::of(TomlNode root, std::string name) {
  std::unique_ptr<TomlDocument> document(new TomlDocument());
  document->name_ = std::move(name);
  document->impl_->root = std::move(root);
  if (document->impl_->root.child("sources") != nullptr) {
    const TomlTable sources = document->root().table("sources");
    for (const std::string& key : sources.keys()) {
      document->impl_->sources.emplace(key, sources.text(key));
    }
  }
  return document;
}

TomlTable TomlDocument::root() {
  impl_->opened[&impl_->root].path = "";
  return TomlTable(this, &impl_->root, "");
}

Status TomlDocument::finish() {
  std::vector<Impl::Mistake> all = impl_->mistakes;
  for (const auto& [table, opened] : impl_->opened) {
    const TomlTable view(this, table, opened.path);
    for (const std::string& key : view.keys()) {
      if (opened.asked.contains(key)) continue;
      const std::string near = nearest(key, {opened.asked.begin(), opened.asked.end()});
      all.push_back({view.line_of(key),
                     fmt::format("{}: is not a key that is known here{}", view.place_of(key),
                                 near.empty() ? "" : fmt::format("; is \"{}\" meant?", near))});
    }
  }
  if (all.empty()) return Done{};
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::string message;
  for (const Impl::Mistake& mistake : all) {
    if (!message.empty()) message += '\n';
    message += mistake.text;
  }
  return bad_input(std::move(message));
}

namespace {

void note_lines(const TomlNode& table, const std::string& path, std::map<std::string, int>& lines) {
  for (const TomlNode& child : table.children) {
    const std::string key = path.empty() ? child.key : fmt::format("{}.{}", path, child.key);
    lines[key] = child.line;
    if (child.is(TomlKind::table)) note_lines(child, key, lines);
  }
}

}  // namespace

std::map<std::string, int> TomlDocument::lines() const {
  std::map<std::string, int> lines;
  note_lines(impl_->root, "", lines);
  return lines;
}

std::vector<std::string> TomlDocument::asked() const {
  std::set<std::string> paths;
  for (const auto& [table, opened] : impl_->opened) {
    for (const std::string& key : opened.asked) {
      paths.insert(opened.path.empty() ? key : fmt::format("{}.{}", opened.path, key));
    }
  }
  return {paths.begin(), paths.end()};
}

}  // namespace celere::spec
