// RUN/status.json: what celere status shows.
#include "launch/supervisor.hpp"

namespace celere::launch {

void Supervisor::write_status() { status_at_ = world_.clock.now(); }

}  // namespace celere::launch
