#include "study/entries.hpp"

#include <fmt/format.h>

namespace celere::study {
namespace {

template <typename T>
Result<T> entry(const std::map<std::string, T>& entries, const std::string& name) {
  const auto found = entries.find(name);
  if (found == entries.end()) {
    return Error{ErrorCode::not_found, fmt::format("the catalogue has no \"{}\"", name), {}};
  }
  return found->second;
}

}  // namespace

Result<Entries> Entries::of(const spec::Catalog& catalog) {
  using spec::Kind;
  Entries out;
  for (const std::string& name : catalog.names(Kind::model)) {
    ASSIGN_OR_RETURN(spec::Model model, catalog.model(name));
    if (model.unknown.empty()) out.models.push_back(std::move(model));
  }
  for (const std::string& name : catalog.names(Kind::chip)) {
    ASSIGN_OR_RETURN(out.chips[name], catalog.chip(name));
  }
  for (const std::string& name : catalog.names(Kind::cluster)) {
    ASSIGN_OR_RETURN(out.clusters[name], catalog.cluster(name));
    out.clusters[name].failures.set = {};
  }
  for (const std::string& name : catalog.names(Kind::stack)) {
    ASSIGN_OR_RETURN(out.stacks[name], catalog.stack(name));
  }
  return out;
}

Result<spec::Chip> Entries::chip(const std::string& name) const { return entry(chips, name); }
Result<spec::Cluster> Entries::cluster(const std::string& name) const {
  return entry(clusters, name);
}
Result<spec::Stack> Entries::stack(const std::string& name) const { return entry(stacks, name); }

}  // namespace celere::study
