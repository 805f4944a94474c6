#include "spec/toml_tree.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>

#include "base/check.hpp"

namespace celere::spec {
namespace {

TomlNode copied(const toml::node& from);

void copy_entries(const toml::table& from, TomlNode& to) {
  struct Entry {
    toml::source_position at;
    const toml::key* key;
    const toml::node* value;
  };
  std::vector<Entry> entries;
  for (const auto& [key, value] : from) {
    // A key made by the header [a.b] has no place of its own: then its value's.
    const toml::source_position own = key.source().begin;
    entries.push_back({own.line > 0 ? own : value.source().begin, &key, &value});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.at == b.at ? a.key->str() < b.key->str() : a.at < b.at;
  });
  for (const Entry& entry : entries) {
    TomlNode& child = to.children.emplace_back(copied(*entry.value));
    child.key = std::string(entry.key->str());
    child.line = static_cast<int>(entry.at.line);
  }
}

TomlNode copied(const toml::node& from) {
  TomlNode to;
  to.line = static_cast<int>(from.source().begin.line);
  switch (from.type()) {
    case toml::node_type::string:
      to.kind = TomlKind::text;
      to.text = from.as_string()->get();
      break;
    case toml::node_type::integer:
      to.kind = TomlKind::integer;
      to.integer = from.as_integer()->get();
      to.number = static_cast<double>(to.integer);
      break;
    case toml::node_type::floating_point:
      to.kind = TomlKind::number;
      to.number = from.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      to.kind = TomlKind::boolean;
      to.boolean = from.as_boolean()->get();
      break;
    case toml::node_type::date: {
      const toml::date& day = from.as_date()->get();
      to.kind = TomlKind::date;
      to.date.day = std::chrono::year_month_day(
          std::chrono::year(day.year), std::chrono::month(day.month), std::chrono::day(day.day));
      break;
    }
    case toml::node_type::array:
      to.kind = TomlKind::list;
      for (const toml::node& element : *from.as_array()) to.children.push_back(copied(element));
      break;
    case toml::node_type::table:
      to.kind = TomlKind::table;
      copy_entries(*from.as_table(), to);
      break;
    default:
      to.kind = TomlKind::time;
  }
  return to;
}

}  // namespace

const TomlNode* TomlNode::child(std::string_view name) const {
  const auto found = std::find_if(children.begin(), children.end(),
                                  [name](const TomlNode& node) { return node.key == name; });
  return is(TomlKind::table) && found != children.end() ? &*found : nullptr;
}

void merge_tables(TomlNode& base, const TomlNode& over) {
  CHECK(base.is(TomlKind::table) && over.is(TomlKind::table));
  for (const TomlNode& entry : over.children) {
    const auto found = std::find_if(base.children.begin(), base.children.end(),
                                    [&](const TomlNode& node) { return node.key == entry.key; });
    if (found == base.children.end()) {
      base.children.push_back(entry);
    } else if (found->is(TomlKind::table) && entry.is(TomlKind::table)) {
      merge_tables(*found, entry);
    } else {
      *found = entry;
    }
  }
}

const char* words_for(TomlKind kind) {
  switch (kind) {
    case TomlKind::text:
      return "a text";
    case TomlKind::integer:
      return "a whole number";
    case TomlKind::number:
      return "a number";
    case TomlKind::boolean:
      return "true or false";
    case TomlKind::date:
      return "a date";
    case TomlKind::time:
      return "a time of day";
    case TomlKind::list:
      return "a list";
    case TomlKind::table:
      return "a table";
  }
  CHECK(false);
}

Result<TomlNode> parse_toml(std::string_view content, const std::string& name) {
  try {
    TomlNode root = copied(toml::parse(content, name));
    root.line = 1;
    return root;
  } catch (const toml::parse_error& error) {
    return bad_input(fmt::format("{}:{}:{}: {}", name, error.source().begin.line,
                                 error.source().begin.column, error.description()));
  }
}

}  // namespace celere::spec
