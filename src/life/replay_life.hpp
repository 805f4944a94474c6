// A real training, lived again: the faults that its log names strike a simulated one on a machine
// with the same times, and the same must be ordered, in the same order, and take about as long.
//
// A fault strikes where the simulated training has done the step behind which the real one stood,
// so that what was lost is the same, however long anything took before.
//
// Leaves out: kinds of fault that a life does not know (replay_life.cpp names them). Where one of
// them changed what happened, only what was before it is compared.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "life/replay_log.hpp"
#include "life/replay_times.hpp"

namespace celere::life {

// From the last step that was done before workers were stopped or regrouped to the next new one:
// until it was noticed, until all began again, and the steps that were done again. (That a replica
// joins or a layout grows is none: nothing failed.)
struct Interruption {
  std::string why;  // "stop behind kill_worker"
  Step step = 0;    // the last that was done, of the real one
  Seconds real = {}, simulated = {};
};

struct LifeReplay {
  MachineTimes times;
  int struck = 0;  // faults that were simulated
  // What was not, and why: "disk_full: a life knows no full disk".
  std::vector<std::string> not_simulated = {};
  std::vector<Deed> real = {}, simulated = {};
  // The first that differs in more than the step it starts from; nothing: they are the same.
  std::optional<std::size_t> parted = {};
  // How many steps apart they are, at most, in the checkpoint that a start begins with.
  Step from_apart_max = 0;
  std::vector<Interruption> interruptions = {};  // up to where they part
  Step until = 0;                                // the step up to which both are compared
  Seconds real_time = {}, simulated_time = {};
};

// With the machine's times as they were measured in this log, or in others. Errors: bad_input, for
// a training that no scene can be made of.
Result<LifeReplay> replay_life(const RunLog& log, const MachineTimes& times);

}  // namespace celere::life
