// With what code a worker that trains ends, so that who supervises it knows what to do.
#pragma once

namespace celere::wire {

enum WorkerExit : int {
  worker_done = 0,        // all steps, or as many as --stop-after says; saved
  worker_not_finite = 1,  // a loss, gradient or weight that is no number; nothing saved after it
  worker_failed = 2,      // anything else: wrong input, a rank that is gone, a full disk
  worker_stopped = 3,     // because it was asked to (SIGTERM); saved
  worker_mismatch = 4,    // a check found numbers that should be equal and differ; not saved
};

}  // namespace celere::wire
