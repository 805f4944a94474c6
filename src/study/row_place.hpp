// Where a row was run: the chip by its `gpu`, the fabric by its `interconnect`.
//
// A text that names a system of the catalogue is that system. Without one the fabric is the maker's
// reference design for the chip: DGX SuperPODs, NVL72 racks; for an A100 Selene. A cluster that is
// smaller than the run grows its outermost tier: the same fabric, with more of it. The chip is the
// row's, whatever the cluster's entry says (Selene with 40 GB cards). "A100" without its memory is
// the 80 GB card.
#pragma once

#include <string>

#include "base/result.hpp"
#include "spec/cluster.hpp"
#include "study/published_run.hpp"

namespace celere::study {

struct RowPlace {
  std::string chip;  // entries of the catalogue
  std::string cluster;
};

// Errors: unsupported, for a GPU that the catalogue has no entry of.
Result<RowPlace> place_of(const RunInputs& row);

// The cluster with room for so many GPUs.
void make_room(spec::Cluster& cluster, std::int64_t gpus);

}  // namespace celere::study
