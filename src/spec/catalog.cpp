#include "spec/catalog.hpp"

#include <fmt/format.h>

#include <set>

#include "base/check.hpp"
#include "spec/nearest.hpp"

namespace celere::spec {
namespace {

constexpr std::string_view suffix = ".toml";

const char* one_of(Kind kind) {
  switch (kind) {
    case Kind::chip:
      return "chip";
    case Kind::model:
      return "model";
    case Kind::cluster:
      return "cluster";
    case Kind::stack:
      return "stack";
    case Kind::curves:
      return "set of curves";
  }
  CHECK(false);
}

}  // namespace

const char* folder_of(Kind kind) {
  switch (kind) {
    case Kind::chip:
      return "chips";
    case Kind::model:
      return "models";
    case Kind::cluster:
      return "clusters";
    case Kind::stack:
      return "stacks";
    case Kind::curves:
      return "curves";
  }
  CHECK(false);
}

Catalog::Catalog(const Files& files, std::vector<std::string> folders)
    : files_(files), folders_(std::move(folders)) {}

std::vector<std::string> Catalog::names(Kind kind) const {
  std::set<std::string> names;
  const std::string folder = folder_of(kind);
  const auto add = [&](std::string_view file) {
    if (file.ends_with(suffix)) names.emplace(file.substr(0, file.size() - suffix.size()));
  };
  for (const std::string& root : folders_) {
    for (const std::string& file : files_.list(root + "/" + folder)) add(file);
  }
  for (const Embedded& file : embedded_catalog()) {
    if (file.path.starts_with(folder + "/")) add(file.path.substr(folder.size() + 1));
  }
  return {names.begin(), names.end()};
}

Result<std::string> Catalog::content(Kind kind, std::string_view name) const {
  const std::string path = fmt::format("{}/{}{}", folder_of(kind), name, suffix);
  for (const std::string& root : folders_) {
    const std::string file = root + "/" + path;
    if (files_.exists(file)) return files_.read(file);
  }
  for (const Embedded& file : embedded_catalog()) {
    if (file.path == path) return std::string(file.content);
  }
  const std::string near = nearest(name, names(kind));
  return Error{
      ErrorCode::not_found,
      fmt::format("the catalogue has no {} \"{}\"{}; `celere catalog {}` lists them", one_of(kind),
                  name, near.empty() ? "" : fmt::format(" (is \"{}\" meant?)", near),
                  kind == Kind::curves ? "chips" : folder_of(kind)),
      {}};
}

Result<Chip> Catalog::chip(std::string_view name) const {
  ASSIGN_OR_RETURN(const std::string text, content(Kind::chip, name));
  const CurvesByName curves = [this](std::string_view of) -> Result<Curves> {
    ASSIGN_OR_RETURN(const std::string curves_text, content(Kind::curves, of));
    return parse_curves(curves_text, std::string(of));
  };
  return parse_chip(text, std::string(name), curves);
}

Result<Model> Catalog::model(std::string_view name) const {
  ASSIGN_OR_RETURN(const std::string text, content(Kind::model, name));
  return parse_model(text, std::string(name));
}

Result<Cluster> Catalog::cluster(std::string_view name) const {
  ASSIGN_OR_RETURN(const std::string text, content(Kind::cluster, name));
  return parse_cluster(text, std::string(name));
}

Result<Stack> Catalog::stack(std::string_view name) const {
  ASSIGN_OR_RETURN(const std::string text, content(Kind::stack, name));
  return parse_stack(text, std::string(name));
}

}  // namespace celere::spec
