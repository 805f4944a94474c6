// A cluster of the catalogue: chips, nodes, fabric tiers, storage, failures, power, price, and the
// dates at which its parts arrive.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/date.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/fact.hpp"
#include "spec/failure_set.hpp"

namespace celere::spec {

// One level of the fabric, inside out. Tier 0 is the NVLink domain; a rank reaches any rank of its
// domain of tier i without leaving it. `bandwidth` is what each GPU has for traffic that leaves its
// domain of tier i - 1 and stays inside its domain of tier i, one direction, after
// oversubscription.
struct Tier {
  std::string name;  // "node", "rail group", "pod", "building"
  int gpus = 0;      // in one domain; the last tier holds the whole cluster
  Fact<BytesPerSecond> bandwidth;
  Fact<double> share;     // of the bandwidth that large collectives achieve
  Fact<Seconds> latency;  // one way between two GPUs that are this far apart, software included
};

struct Tranche {
  Date date;     // from this day
  int gpus = 0;  // so many in all
};

struct Rent {
  Fact<DollarsPerSecond> per_gpu;  // written "$/h"
};

struct Build {
  Fact<Dollars> capital_per_gpu;  // with network and facility
  Fact<Seconds> life;             // over which capital is used up
  Fact<DollarsPerJoule> energy;
};

struct FailureFacts {
  Fact<PerSecond> per_node;      // unexpected interruptions, written "/day"
  Fact<double> early_factor;     // times so many
  Fact<Seconds> early_time;      // in the first so many days
  Fact<double> bad_at_delivery;  // share of nodes
  Fact<Seconds> detect;          // until the job knows
  Fact<Seconds> replace;         // a node by a spare
  Fact<Seconds> restart;         // processes, communicators, loading, first step
  // What else there is to say of failures; read by the catalogue, of which it names the entry.
  std::string causes;
  FailureSet set{};
};

struct StorageFacts {
  Fact<BytesPerSecond> write;  // of the whole cluster
  Fact<BytesPerSecond> read;
  Fact<Seconds> blocking;  // part of a checkpoint that stops training, beside the copy to the host
};

struct Cluster {
  std::string name;  // "xai-100k-h100"
  std::string title;
  std::string chip;   // name of the chip entry
  std::string stack;  // the stack that is assumed unless a run names one
  int gpus = 0;       // when complete (of the use that the entry describes)
  int gpus_per_node = 8;
  int nics_per_node = 8;
  Fact<Bytes> host_memory;  // of a node
  std::vector<Tier> tiers;
  StorageFacts storage;
  FailureFacts failures;
  Fact<Watts> power_per_gpu;  // the site's, all included
  std::optional<Rent> rent;   // a cluster is rented, built, or neither is known
  std::optional<Build> build;
  std::vector<Tranche> deliveries;  // by date; empty: everything is there
  std::vector<Tranche> powered;     // GPUs that the site can power from a date; empty: all
  std::string note;                 // what sources disagree on

  // The first day on which `count` GPUs are delivered and powered. Nothing where the entry lists
  // neither deliveries nor power: they are there. REQUIRES: count <= gpus, which every list of a
  // parsed entry reaches.
  std::optional<Date> complete_on(int count) const;
};

// Without failures.set, which is another entry. Errors: bad_input with file, line and key.
Result<Cluster> parse_cluster(std::string_view toml, std::string name);

}  // namespace celere::spec
