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
    case Kind::failures:
      return "set of failures";
  }
  CHECK(false);
}

// The names that were probably meant, for a message: at most three.
std::string advice(std::string_view written, const std::vector<std::string>& names) {
  std::vector<std::string> near;
  const std::string nearest_name = nearest(written, names);
  if (!nearest_name.empty()) near.push_back(nearest_name);
  for (const std::string& name : names) {
    if (near.size() == 3) break;
    if (!written.empty() && name != nearest_name && name.find(written) != std::string::npos) {
      near.push_back(name);
    }
  }
  if (near.empty()) return "";
  return fmt::format(" (is \"{}\" meant?)", fmt::join(near, "\" or \""));
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
    case Kind::failures:
      return "failures";
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

Result<Catalog::Entry> Catalog::find(Kind kind, std::string_view name) const {
  const std::string path = fmt::format("{}/{}{}", folder_of(kind), name, suffix);
  // A name is not a path: "../x" is no entry, whatever lies there.
  const bool plain = name.find('/') == std::string_view::npos;
  for (const std::string& root : folders_) {
    const std::string file = root + "/" + path;
    if (!plain || !files_.exists(file)) continue;
    ASSIGN_OR_RETURN(std::string content, files_.read(file));
    return Entry{std::move(content), file};
  }
  for (const Embedded& file : embedded_catalog()) {
    if (file.path == path) return Entry{std::string(file.content), ""};
  }
  return Error{ErrorCode::not_found,
               fmt::format("the catalogue has no {} \"{}\"{}; `celere catalog {}` lists them",
                           one_of(kind), name, advice(name, names(kind)),
                           kind == Kind::curves ? "chips" : folder_of(kind)),
               {}};
}

Result<std::string> Catalog::content(Kind kind, std::string_view name) const {
  ASSIGN_OR_RETURN(Entry entry, find(kind, name));
  return std::move(entry.content);
}

template <typename T, typename Parse>
Result<T> Catalog::parsed(Kind kind, std::string_view name, const Parse& parse) const {
  ASSIGN_OR_RETURN(const Entry entry, find(kind, name));
  Result<T> value = parse(entry.content, std::string(name));
  if (entry.file.empty()) return value;
  return std::move(value).during("reading " + entry.file);
}

Result<Chip> Catalog::chip(std::string_view name) const {
  const CurvesByName curves = [this](std::string_view of) {
    return parsed<Curves>(Kind::curves, of, parse_curves);
  };
  return parsed<Chip>(Kind::chip, name, [&](std::string_view toml, std::string chip_name) {
    return parse_chip(toml, std::move(chip_name), curves);
  });
}

Result<Model> Catalog::model(std::string_view name) const {
  return parsed<Model>(Kind::model, name, parse_model);
}

Result<Cluster> Catalog::cluster(std::string_view name) const {
  ASSIGN_OR_RETURN(Cluster cluster, parsed<Cluster>(Kind::cluster, name, parse_cluster));
  ASSIGN_OR_RETURN(cluster.failures.set,
                   failure_set(cluster.failures.causes)
                       .during(fmt::format("clusters/{}.toml: failures.causes", name)));
  return cluster;
}

Result<FailureSet> Catalog::failure_set(std::string_view name) const {
  return parsed<FailureSet>(Kind::failures, name, parse_failure_set);
}

Result<Stack> Catalog::stack(std::string_view name) const {
  const auto alone = [](std::string_view toml, std::string of) {
    return parse_stack(toml, std::move(of));
  };
  if (name == common_stack) return parsed<Stack>(Kind::stack, name, alone);
  ASSIGN_OR_RETURN(const Stack common, parsed<Stack>(Kind::stack, common_stack, alone));
  return parsed<Stack>(Kind::stack, name, [&](std::string_view toml, std::string of) {
    return parse_stack(toml, std::move(of), &common);
  });
}

}  // namespace celere::spec
