// The ranks that a person wants to see of a hundred thousand: those that have ended or never spoke,
// the slowest, the furthest behind, and the longest in one phase. Each of these four names in turn
// the next that is not named yet.
#pragma once

#include <cstdint>
#include <vector>

#include "launch/roster.hpp"

namespace celere::launch {

// Ascending; all, where they are no more than `most`.
std::vector<std::int64_t> standing_out(const std::vector<RankKnown>& ranks, std::size_t most);

}  // namespace celere::launch
