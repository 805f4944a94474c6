// A real training that was done again (life/replay.hpp), for people.
#pragma once

#include <string>

#include "life/replay.hpp"

namespace celere::report {

// What a terminal shows: at most 100 columns.
std::string replay_text(const std::string& run, const life::Replayed& replayed);

}  // namespace celere::report
