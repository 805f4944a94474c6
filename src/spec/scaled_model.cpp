#include "spec/scaled_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

bool gives(const TomlNode& fields, std::string_view dotted) {
  const TomlNode* node = &fields;
  while (node != nullptr) {
    const std::size_t dot = dotted.find('.');
    node = node->child(dotted.substr(0, dot));
    if (dot == std::string_view::npos) return node != nullptr;
    dotted.remove_prefix(dot + 1);
  }
  return false;
}

void forget_unknown(TomlNode& entry, const TomlNode& fields) {
  if (fields.child("unknown") != nullptr) return;  // then the run file says what is
  for (TomlNode& node : entry.children) {
    if (node.key != "unknown") continue;
    std::erase_if(node.children, [&](const TomlNode& name) { return gives(fields, name.text); });
  }
}

// A mistake at a line of the entry was none before fields were replaced.
Error seen_from(const Run& run, const Error& error) {
  Error seen = error;
  seen.message.clear();
  const std::string& place = run.model_fields.children.front().place;
  const std::string file = run.file + ":";
  for (std::size_t from = 0; from < error.message.size();) {
    const std::size_t end = std::min(error.message.find('\n', from), error.message.size());
    const std::string line = error.message.substr(from, end - from);
    from = end + 1;
    if (!seen.message.empty()) seen.message += '\n';
    seen.message += line.starts_with(file)
                        ? line
                        : fmt::format("{}: with the fields given here, {}", place, line);
  }
  return seen;
}

Result<Model> scaled(const Run& run, const std::string& entry) {
  const std::string name = fmt::format("models/{}.toml", run.model_name);
  ASSIGN_OR_RETURN(TomlNode root, parse_toml(entry, name));
  merge_tables(root, run.model_fields);
  forget_unknown(root, run.model_fields);
  const std::unique_ptr<TomlDocument> document = TomlDocument::of(std::move(root), name);
  Model model = read_model_entry(document->root(), run.model_name);
  if (const Status all = document->finish(); !all.ok()) return seen_from(run, all.error());
  if (run.model_fields.child("title") == nullptr) model.title += ", scaled";
  model.source = fmt::format("fields of {} over those of the catalogue's {} ({})", run.file,
                             run.model_name, model.source);
  model.grade = Grade::assumption;
  model.difference.clear();
  model.published_parameters = {};
  model.published_active_parameters = {};
  return model;
}

}  // namespace

Result<Model> model_of(const Run& run, const Catalog& catalog) {
  if (run.model) return *run.model;
  const std::string trail = run.file + ": model.use";
  if (run.model_fields.children.empty()) return catalog.model(run.model_name).during(trail);
  ASSIGN_OR_RETURN(const std::string entry,
                   catalog.content(Kind::model, run.model_name).during(trail));
  return scaled(run, entry);
}

}  // namespace celere::spec
