// Trainings that were published with what failures cost them: catalog/published/lives.toml,
// checked.
//
// A case is a size, what failed, and what was measured. How often a node fails by a cause is one of
//
//   count                count / (nodes * time), of the case, or of `of_nodes` and `of_time`
//   per_1000_node_days   what it says
//   each                 1 / (each * nodes): the time between failures of the whole training
//
// Times that a case does not publish are the file's [times], the same for all. Saves follow each
// other in the published interval, else in the best one by Daly (cost/goodput.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "life/account.hpp"

namespace celere::study {

struct RecoveryTimes {
  Seconds detect = {}, localise = {};
  Seconds replace = {};  // a node, by a spare
  Seconds init = {};     // processes and communicators
  Seconds load = {};
  Seconds blocking = {}, background = {};  // of a save: nobody trains; then until it is committed
  Seconds regroup = {};  // the others go on without a replica, and again when one joins

  Seconds standstill() const { return detect + localise + replace + init + load; }
};

struct PublishedFailures {
  std::string name = {};
  life::Effect effect = life::Effect::lost;  // lost, crash or hang
  PerSecond rate = {};                       // of a node
  bool planned = false;  // no time to detect and localise; no interruption that is counted
};

enum class Measure : std::uint8_t {
  effective_share,         // of the time since there were nodes enough
  interruptions,           // in the time that the case lasted, without those that were planned
  hours_between_failures,  // all time over all failures of nodes that train
};
const char* name_of(Measure measure);

struct Expectation {
  Measure what = Measure::effective_share;
  std::string published = {};                   // as it is printed
  std::optional<double> least = {}, most = {};  // both, or neither: it is only printed beside
  std::string why = {};                         // of the bound
  std::string red = {};                         // why it is broken, where that is known
};

struct PublishedLife {
  std::string name = {}, source = {}, notes = {};
  int line = 0;  // of the file
  std::int64_t gpus = 0;
  int nodes = 0;
  int replicas = 1;                // more than 1: each can be lost alone, and the others go on
  std::optional<int> spares = {};  // nodes
  Seconds lasts = {};              // what it trains if nothing fails
  std::optional<Seconds> interval = {};
  RecoveryTimes times = {};
  bool own_times = false;
  std::vector<PublishedFailures> failures = {};
  std::vector<life::Part> effective = {};  // what counts as effective
  std::vector<Expectation> expected = {};

  PerSecond rate() const;  // of the whole training
};

// What no publication says.
struct AssumedOfLives {
  Seconds step = {};
  double spare_share = 0;
  int spares_least = 0;
  Seconds repair = {};
};

struct PublishedLives {
  RecoveryTimes times;  // of all cases that have none of their own
  AssumedOfLives assumed;
  std::vector<PublishedLife> cases;
};

// Errors: bad_input with file, line and key.
Result<PublishedLives> parse_published_lives(std::string_view toml);
std::string_view embedded_published_lives();

}  // namespace celere::study
