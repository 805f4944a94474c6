// Replicas of a layout (its dp axis) as what can be lost, left out or added whole.
//
// Leaves out: which machines they stand on (launch/ and life/ ask by their ranks per node).
#pragma once

#include <cstdint>

#include "layout/layout.hpp"

namespace celere::layout {

// Each replica has all weights and all of the optimizer's state, and each rank the same part of
// them however many replicas there are: nothing is sharded over replicas, neither by ZeRO nor
// because the ranks that hold all experts once begin in one replica and end in the next.
bool replicas_whole(const Layout& layout);

// The ranks of one replica come in rows of so many side by side: all of its ranks where its stages
// are close together, else those of one stage. Row i is of replica i mod dp.
std::int64_t ranks_in_a_row(const Layout& layout);

// Each replica is whole, and no node has ranks of two: the others go on when a node is lost.
bool replicas_lost_alone(const Layout& layout, int ranks_per_node);

// The same with another number of replicas: what asks for several goes where one is left, and
// shards over as many ranks as are left are shards over all of them. Whether the batch divides is
// not looked at (legal.hpp). REQUIRES: replicas >= 1.
Layout with_replicas(Layout layout, int replicas);

}  // namespace celere::layout
