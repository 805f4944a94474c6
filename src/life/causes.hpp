// What fails in a large training, as published once: the 419 unexpected interruptions of 54 days of
// Llama 3 405B on 2,048 nodes [The Llama 3 Herd of Models, arXiv 2407.21783, Table 5; the counts,
// which sum to 419, not the printed shares, which do not follow from them].
//
// A part that breaks takes its node away; software, watchdogs and the network leave it as good as
// before; silent corruption is found by the next check, if there is one.
#pragma once

#include <vector>

#include "life/scene.hpp"

namespace celere::life {

struct CauseTimes {
  Seconds detect;  // until the job knows
  Seconds localise;
  Seconds repair;  // of a node, the mean
};

// Together `rate` a node.
std::vector<Cause> llama3_causes(PerSecond rate, const CauseTimes& times);

}  // namespace celere::life
