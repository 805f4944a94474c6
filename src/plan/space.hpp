// The values of each axis of the search, from divisors: what the model, the run's wishes and the
// stack leave to choose.
//
// Every combination is tried against layout/legal.hpp, which alone decides what is legal; here are
// only the values that can be legal at all. One axis is cut: an expert is not split over more ranks
// than an NVLink domain has.
#pragma once

#include <vector>

#include "layout/legal.hpp"
#include "spec/run.hpp"
#include "spec/stack.hpp"

namespace celere::plan {

std::vector<int> divisors_of(std::int64_t number);

struct PipelineChoice {
  int vpp = 1;
  layout::Schedule schedule = layout::Schedule::one_f_one_b;
  layout::Partition partition = layout::Partition::even;
};

struct RecomputeChoice {
  layout::Recompute recompute = layout::Recompute::none;
  int layers = 0;
};

struct ReplicaChoice {
  int zero_stage = 0;
  int shard = 0;
};

struct OffloadChoice {
  bool optimizer = false;
  bool activations = false;
};

class Space {
 public:
  // `shape` with any legal batch; `domains`: the GPUs of a domain of each tier, NVLink first.
  // `coarse`: only a few usual values.
  Space(const layout::Shape& shape, const spec::LayoutWish& wish, const spec::Stack& stack,
        std::vector<std::int64_t> domains, bool coarse = false);

  // One for each way to cut a layer but for experts and micro-batch: tp, sp, cp and its method are
  // set.
  const std::vector<layout::Layout>& dense_splits() const { return dense_splits_; }
  const std::vector<int>& ep() const { return ep_; }
  const std::vector<int>& etp() const { return etp_; }
  std::vector<int> micro_batches(std::int64_t batch) const;  // that divide it
  std::vector<int> pp() const;
  std::vector<layout::RankOrder> orders(int pp) const;
  std::vector<PipelineChoice> pipelines(int pp) const;
  // `layers`: the most of a chunk.
  std::vector<RecomputeChoice> recomputes(int layers) const;
  // `batch` / `micro_batch` = replicas * micro-batches.
  std::vector<int> dp(std::int64_t replicas_and_batches) const;
  std::vector<ReplicaChoice> replicas(int tp, int replicas) const;
  const std::vector<OffloadChoice>& offloads() const { return offloads_; }

 private:
  layout::Shape shape_;
  spec::LayoutWish wish_;
  const spec::Stack& stack_;
  std::vector<std::int64_t> domains_;
  bool coarse_;
  std::vector<layout::Layout> dense_splits_;
  std::vector<int> ep_, etp_;
  std::vector<OffloadChoice> offloads_;
};

}  // namespace celere::plan
