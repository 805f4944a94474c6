// A beat as text, and back, without the general reader and writer of JSON: of 100,000 ranks 12,500
// beats of 2 KB come every second, and the general reader alone would take more than a core.
//
//   {"generation":3,"kind":"beat","ranks":[{"collective":{"bytes":4096,"group":"replicas",
//    "in_group":12,"op":"all_reduce","time_s":0.5},"phase":"computing","phase_time_s":0.5,
//    "process":4711,"rank":7,"step":6,"steps":[{"compute_time_s":0.9,"step":6,
//    "whole_time_s":1.0}]}]}
//
// The same JSON as the general writer's (wire/agent_message.hpp), with the keys in alphabetical
// order, without blanks and escapes. What is written otherwise is nothing here, and the general
// reader's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/agent_message.hpp"

namespace celere::wire {

// Nothing where a text needs escapes or a number is none.
std::optional<std::string> beat_text(const AgentBeat& beat);
std::optional<AgentBeat> read_beat_text(std::string_view text);

}  // namespace celere::wire
