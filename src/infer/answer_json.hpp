// Answers for programs: one line of JSON each, with keys that end in their unit.
#pragma once

#include <string>
#include <string_view>

#include "infer/loaded_model.hpp"
#include "infer/recall.hpp"

namespace celere::infer {

// {"question", "answer", "tokens", "tokens_per_s", "first_token_time_s", "stop", "checkpoint",
// "step"}
std::string written_json(const LoadedModel& model, std::string_view question, const Answer& answer);

// {"recall", "exact", "asked", "time_s", "checkpoint", "step", "misses": [{"question", "expected",
// "answer"}]}
std::string written_json(const LoadedModel& model, const Recall& recall);

}  // namespace celere::infer
