#include "policy/settings.hpp"

namespace celere::policy {

Settings settings_of(const spec::Run& run) {
  const spec::RecoveryPlan& plan = run.recovery;
  Settings settings;
  settings.on_lost_replica =
      run.on_lost_replica == spec::LostReplica::go_on ? LostReplica::go_on : LostReplica::roll_back;
  settings.retries = plan.retries;
  settings.back_off = plan.back_off;
  settings.back_off_max = plan.back_off_max;
  settings.node_failures = plan.node_failures;
  settings.node_window = plan.node_window;
  settings.node_patience = plan.node_patience;
  settings.resizes = plan.resize;
  settings.straggler_factor = plan.straggler_factor;
  settings.skips = plan.skips;
  return settings;
}

}  // namespace celere::policy
