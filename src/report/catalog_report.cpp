#include "report/catalog_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <array>
#include <nlohmann/json.hpp>

#include "base/written_units.hpp"
#include "report/table.hpp"
#include "spec/nearest.hpp"
#include "spec/toml_tree.hpp"

namespace celere::report {
namespace {

using Json = nlohmann::ordered_json;
using spec::Kind;

constexpr std::array shown_kinds = {Kind::chip, Kind::model, Kind::cluster, Kind::stack,
                                    Kind::failures};

// A line about an entry.
Result<std::string> about(const spec::Catalog& catalog, Kind kind, const std::string& name) {
  switch (kind) {
    case Kind::chip: {
      ASSIGN_OR_RETURN(const spec::Chip chip, catalog.chip(name));
      const auto& peak = chip.peak[static_cast<std::size_t>(spec::Arithmetic::bf16)];
      return fmt::format("{}: bf16 {}, memory {}", chip.title,
                         peak.known() ? written(*peak.value) : "unknown",
                         chip.memory.known() ? written(*chip.memory.value) : "unknown");
    }
    case Kind::model: {
      ASSIGN_OR_RETURN(const spec::Model model, catalog.model(name));
      if (!model.unknown.empty()) {
        return fmt::format("{}: waits, its source does not give {}", model.title,
                           fmt::join(model.unknown, ", "));
      }
      const spec::ParameterCount count = spec::count_parameters(model);
      const double total = static_cast<double>(count.total),
                   active = static_cast<double>(count.active);
      return count.total == count.active
                 ? fmt::format("{}: {:.2f} B parameters", model.title, total / 1e9)
                 : fmt::format("{}: {:.1f} B parameters, {:.1f} B active", model.title, total / 1e9,
                               active / 1e9);
    }
    case Kind::cluster: {
      ASSIGN_OR_RETURN(const spec::Cluster cluster, catalog.cluster(name));
      return fmt::format("{}: {} x {}", cluster.title, written_count(cluster.gpus), cluster.chip);
    }
    case Kind::stack: {
      ASSIGN_OR_RETURN(const spec::Stack stack, catalog.stack(name));
      return stack.title;
    }
    case Kind::failures: {
      ASSIGN_OR_RETURN(const spec::FailureSet set, catalog.failure_set(name));
      return fmt::format("{}: {} causes", set.title, set.causes.size());
    }
    case Kind::curves:
      break;
  }
  return std::string();
}

Json json_of(const spec::TomlNode& node) {
  switch (node.kind) {
    case spec::TomlKind::integer:
      return node.integer;
    case spec::TomlKind::number:
      return node.number;
    case spec::TomlKind::boolean:
      return node.boolean;
    case spec::TomlKind::date:
      return written(node.date);
    case spec::TomlKind::list: {
      Json json = Json::array();
      for (const spec::TomlNode& child : node.children) json.push_back(json_of(child));
      return json;
    }
    case spec::TomlKind::table: {
      Json json = Json::object();
      for (const spec::TomlNode& child : node.children) json[child.key] = json_of(child);
      return json;
    }
    case spec::TomlKind::text:
    case spec::TomlKind::time:
      return node.text;
  }
  return nullptr;
}

}  // namespace

Result<std::string> catalog_list(const spec::Catalog& catalog, std::optional<Kind> kind,
                                 View view) {
  Json json = Json::object();
  std::string text;
  for (const Kind shown : shown_kinds) {
    if (kind && *kind != shown) continue;
    Table table({{spec::folder_of(shown), Table::Align::left}, {"", Table::Align::left}});
    for (const std::string& name : catalog.names(shown)) {
      ASSIGN_OR_RETURN(const std::string line, about(catalog, shown, name));
      table.row({name, line});
      json[spec::folder_of(shown)].push_back({{"name", name}, {"about", line}});
    }
    text += (text.empty() ? "" : "\n") + table.text(0);
  }
  return view == View::json ? json.dump(2) + "\n" : text;
}

Result<std::string> catalog_entry(const spec::Catalog& catalog, const std::string& name,
                                  View view) {
  std::string text;
  Json entries = Json::array();
  for (const Kind kind : shown_kinds) {
    const std::vector<std::string> known = catalog.names(kind);
    if (std::find(known.begin(), known.end(), name) == known.end()) continue;
    ASSIGN_OR_RETURN(const std::string line, about(catalog, kind, name));
    ASSIGN_OR_RETURN(const std::string content, catalog.content(kind, name));
    if (!text.empty()) text += "\n";
    text += fmt::format("# {}/{}: {}\n\n{}", spec::folder_of(kind), name, line, content);
    ASSIGN_OR_RETURN(const spec::TomlNode entry, spec::parse_toml(content, name));
    entries.push_back({{"kind", spec::folder_of(kind)}, {"name", name}, {"about", line}});
    entries.back()["entry"] = json_of(entry);
  }
  if (!entries.empty()) {
    if (view == View::text) return text;
    Json json = entries[0];
    if (entries.size() > 1) json["also"] = Json(entries.begin() + 1, entries.end());
    return json.dump(2) + "\n";
  }
  std::vector<std::string> names;
  for (const Kind kind : shown_kinds) {
    names.emplace_back(spec::folder_of(kind));
    const std::vector<std::string> of_kind = catalog.names(kind);
    names.insert(names.end(), of_kind.begin(), of_kind.end());
  }
  const std::string near = spec::nearest(name, names);
  const std::string advice = near.empty() ? "" : fmt::format(" (is \"{}\" meant?)", near);
  return Error{
      ErrorCode::not_found,
      fmt::format("the catalogue has no entry \"{}\"{}; `celere catalog` lists what it knows", name,
                  advice),
      {}};
}

}  // namespace celere::report
