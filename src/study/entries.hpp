// All entries of the catalogue that a predictor of rows may need, read once.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "spec/catalog.hpp"

namespace celere::study {

struct Entries {
  std::vector<spec::Model> models = {};  // of which nothing is unknown
  std::map<std::string, spec::Chip> chips = {};
  // Without failures.set, which only lives read: each row's setting is a copy.
  std::map<std::string, spec::Cluster> clusters = {};
  std::map<std::string, spec::Stack> stacks = {};

  // Errors: of a wrong entry.
  static Result<Entries> of(const spec::Catalog& catalog);

  // Errors: not_found.
  Result<spec::Chip> chip(const std::string& name) const;
  Result<spec::Cluster> cluster(const std::string& name) const;
  Result<spec::Stack> stack(const std::string& name) const;
};

}  // namespace celere::study
