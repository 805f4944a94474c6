// What a run file says of recovery, as the policy takes it: of a training on real machines and of
// one that is simulated.
#pragma once

#include "policy/events.hpp"
#include "spec/run.hpp"

namespace celere::policy {

Settings settings_of(const spec::Run& run);

}  // namespace celere::policy
