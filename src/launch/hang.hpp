// Which ranks the others wait for, from what each was seen to do when a step was overdue.
//
// Certain are ranks that nobody could look at, and those whose process is stopped or gone. Else
// those that are in no collective while others wait in one: they compute, or are stuck in something
// else. Else, of those in collectives, the ones that have entered fewer of a group's than others
// that wait in the same group. Where all that fails nobody is named.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wire/agent_message.hpp"

namespace celere::launch {

struct Absent {
  wire::Ranks ranks;       // ascending
  std::string text;        // "3", "3, 7", "not known"
  std::string collective;  // that most of the others wait in; empty: none
};

Absent absent_of(const std::vector<wire::RankSeen>& seen, std::int64_t ranks);

// "the 12th all_reduce of replicas, 4096 bytes, since 3.2 s"; empty: in none.
std::string written(const std::optional<wire::InCollective>& collective);

}  // namespace celere::launch
