// The useful share of a training under failures, in closed form.
//
// Failures are exponential and strike during work, checkpoint and restart alike. With M the mean
// time between failures of the whole job, R the time from a failure to the first step of the
// resumed job, w the part of a checkpoint that stops training and t the interval between
// checkpoints:
//
//   share(t) = t / (M e^(R/M) (e^((t + w)/M) - 1))                         [Daly 2006, eq. 13]
//   its best t solves  e^((t + w)/M) (1 - t/M) = 1                         (the derivative set to
//   zero)
//
// Going on without the replica that failed, of dp replicas: a failure stops the job for a pause r
// while the survivors form anew, and the replica is missing for the time `replace`; by Little's law
// replace / M replicas are missing on average:
//
//   share = 1 / (1 + r / M) * max(0, 1 - replace / (M dp)) * t / (t + w)
//
// Leaves out: failures that come in bursts, slow nodes, and for the second form the loss of all
// copies of a shard.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/cluster.hpp"

namespace celere::cost {

struct FailureModel {
  PerSecond rate;          // of the whole job: 1 / M; 0: nothing fails
  Seconds restart;         // R
  Seconds blocking;        // w
  Seconds least_interval;  // checkpoints cannot follow each other faster: storage must have taken
                           // the last one
};

// Of a job on so many ranks of a cluster that works so long: the rate is the mean over that time,
// as young machines fail more often; a checkpoint waits until storage has taken the bytes of the
// last. Errors: unknown_value.
Result<FailureModel> failures_of(const spec::Cluster& cluster, std::int64_t ranks, Seconds working,
                                 Bytes checkpoint);

// The interval with the greatest share, at least model.least_interval. Where nothing fails:
// infinite.
Seconds best_interval(const FailureModel& model);

// REQUIRES: interval > 0.
double useful_share(const FailureModel& model, Seconds interval);

struct ReplicaLoss {
  Seconds pause;     // r
  Seconds replace;   // until the replica is back
  int replicas = 1;  // dp
};
double useful_share_without_replica(const FailureModel& model, Seconds interval,
                                    const ReplicaLoss& loss);

}  // namespace celere::cost
