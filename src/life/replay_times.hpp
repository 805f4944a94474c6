// How long a machine takes for what a training is made of, measured in the logs of some that it
// ran: medians over all that was undisturbed, or of a kind.
//
// Leaves out: what cannot be told apart in a log. A save that blocks and an evaluation are in the
// step, and loading and warming up in the restart.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "life/replay_log.hpp"

namespace celere::life {

struct MachineTimes {
  std::map<int, Seconds> step = {};  // by how many replicas there were
  Seconds first = {};                // from the first start to before the first step
  Seconds restart = {};              // the same, in place
  Seconds replace = {};              // and what it took longer with another node
  Seconds change = {};               // or in a smaller layout: below 0 where fewer start sooner
  Seconds stop = {};                 // until no worker lives
  Seconds regroup = {};              // to before the next step
  Seconds commit = {};               // from a step to its checkpoint on the disk
  Step save_every = 0, check_every = 0;
  // By kind of fault: from when all stand, or from when it is given, until recovery is told.
  std::map<std::string, Seconds> noticed = {};
  // From there until the node is back, beside what the scenario said.
  std::map<std::string, Seconds> back = {};
};

// When recovery was told of that fault; nothing: it never was.
std::optional<Nanoseconds> told_of(const RunLog& log, const LoggedFault& fault);

// The furthest step that was done before the generation that comes behind `deed` did one.
Step furthest(const RunLog& log, const Deed& deed);

// Where all stood because of that fault, and were stopped or regrouped; nothing: they did not.
struct Stand {
  Step step = 0;  // the furthest that was done
  Nanoseconds at = 0;
};
std::optional<Stand> stand_of(const RunLog& log, const LoggedFault& fault);

class TimesMeasured {
 public:
  void add(const RunLog& log);
  MachineTimes times() const;

 private:
  void add_steps(const RunLog& log);
  void add_deeds(const RunLog& log);
  void add_saves(const RunLog& log);
  void add_faults(const RunLog& log);

  using Samples = std::vector<Nanoseconds>;
  int replicas_ = 1;
  std::map<int, Samples> steps_;  // by replicas
  std::map<std::string, Samples> starts_, noticed_, back_;
  Samples stops_, regroups_, joins_, commits_;
  Samples saves_apart_, checks_apart_;  // steps
};

}  // namespace celere::life
