// What this machine does, measured with the operators that a training here is made of:
//
//   products       C[m, n] = A[m, k] B[n, k]' by shape, in fp32, and in bf16 where it sustains more
//                  (without the instructions a bf16 product is 300 times slower, and a table of it
//                  would take an hour); the best of a few, warm
//   sustained      one large product over and over for a second; the best quarter of it
//   attention, experts, memory bandwidth, storage
//   collectives    among processes, by Gloo
//
// A shape takes 2 m n k / rate; the axes are as long as fit in the time that there is. Another
// program on the machine makes every rate lower: measure alone.
//
// Leaves out: backward passes, whose products have the same shapes in another order; power; caches.
#pragma once

#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "wire/measurement.hpp"

namespace celere::train {

using Tell = std::function<void(const wire::Measurement&)>;

struct MeasureWish {
  bool quick = false;  // two seconds instead of fifteen: fewer shapes, shorter
  std::string folder;  // where a file is written, and removed, to see how fast that is
};

// A product and its gradient: libtorch makes its threads and its autograd engine when they are
// first used, and keeps them, so what a process has taken behind it is reserved.
void compute_once();

// Tells everything but collectives, with the share that is done, and the end. Errors: io, of the
// folder.
Status measure_machine(Clock& clock, Files& files, const MeasureWish& wish, const Tell& tell);

struct CollectivesWish {
  std::string meeting;  // a file, new
  int rank = 0;
  int size = 2;
  bool quick = false;
};

// Rank 0 tells; the others only take part. All ranks are on this machine, which is what is
// measured. Errors: io.
Status measure_collectives(Clock& clock, const CollectivesWish& wish, const Tell& tell);

}  // namespace celere::train
