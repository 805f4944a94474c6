// What the catalogue knows, for people and for programs.
#pragma once

#include <string>

#include "base/result.hpp"
#include "spec/catalog.hpp"

namespace celere::report {

enum class View { text, json };

// The names of a kind with their titles; all kinds where none is given. Errors: of a wrong entry.
Result<std::string> catalog_list(const spec::Catalog& catalog, std::optional<spec::Kind> kind,
                                 View view);

// The entry of this name, of whatever kind: every number with its grade and source. Where kinds
// share the name all are shown; JSON has the others under "also". Errors: not_found.
Result<std::string> catalog_entry(const spec::Catalog& catalog, const std::string& name, View view);

}  // namespace celere::report
