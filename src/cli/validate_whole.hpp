// `celere validate --end-to-end`.
#pragma once

#include <string>

#include "cli/verbs.hpp"

namespace celere::cli {

// Whole trainings of a file, or where its name is empty of those that come with the program. The
// exit code.
int validate_whole_trainings(const std::string& runs_file, const Common& common);

}  // namespace celere::cli
