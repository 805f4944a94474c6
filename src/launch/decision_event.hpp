// A decision of the policy as a line of events.jsonl: what, and why.
#pragma once

#include <vector>

#include "policy/recovery.hpp"
#include "wire/events.hpp"

namespace celere::launch {

// "start", "regroup", "stop", "stop_saved", "save_now", "replan", "drain", "note", "give_up",
// "finish".
const char* name_of(const policy::Action& action);

std::vector<wire::EventField> written(const policy::Action& action, const policy::Recovery& policy);

}  // namespace celere::launch
