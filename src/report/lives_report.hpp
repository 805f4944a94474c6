// Published trainings lived again, for people and for programs: two views of one validation.
#pragma once

#include <string>

#include "study/lives_validation.hpp"

namespace celere::report {

// A table of what was published beside what is simulated, one of where the time goes, then the
// reasons: of each bound that is broken, and what is assumed of a case.
std::string lives_text(const study::LivesValidation& validation);

// Stable keys: `cases` [{name, source, gpus, nodes, interval_s, failures_per_day, times_s {...},
// own_times, shares {useful, ..., no_machine}, expected [{what, published, least, most, simulated,
// standard_error, kept, why, red}]}], `broken`. What has no bound is null.
std::string lives_json(const study::LivesValidation& validation);

}  // namespace celere::report
