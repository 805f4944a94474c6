// Whether a run directory is still that of the run that was begun in it: somebody may remove it
// under a training's feet, or begin another one in its place. The run's secret tells: no two runs
// have the same.
//
// It is gone when the secret was missing or another one at three looks in a row, a second apart. A
// disk that fails says something else than that there is no such file, and is no reason. Who is
// about to say how a training ended waits for those looks: what it says would stand nowhere.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "wire/run_directory.hpp"

namespace celere::launch {

class RunPresence {
 public:
  // Reads the secret that counts.
  RunPresence(const Files& files, Clock& clock, wire::RunDirectory directory);
  // To be called often.
  bool gone();
  // Looks until it is there, or gone.
  bool gone_at_last();

 private:
  void look();

  const Files* files_;
  Clock* clock_;
  std::string path_, first_;
  Instant looked_;
  int missing_ = 0;  // looks in a row
};

}  // namespace celere::launch
