// The search against brute force: every combination of a box of integers is tried against
// layout::illegal and costed one by one, without the search's tree, sharing or bounds.
#include "plan/search.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "base/files.hpp"
#include "plan/found.hpp"
#include "spec/catalog.hpp"

namespace celere::plan {
namespace {

// A small training on a few GPUs, drawn from a seed.
struct Case {
  spec::Run run;
  cost::Setting setting;
};

spec::Model small_model(std::mt19937& random, bool experts) {
  const auto pick = [&](std::initializer_list<int> values) {
    return values.begin()[random() % values.size()];
  };
  spec::Model model;
  model.name = "small";
  model.layers = pick({2, 3, 4, 6});
  model.attention.heads = pick({2, 4, 6});
  model.attention.kv_heads = pick({1, 2});
  model.attention.head_dim = model.attention.value_dim = 128;
  model.hidden = model.attention.heads * 128;
  model.ffn = 4 * model.hidden;
  model.vocab = pick({1000, 32000});
  if (experts) {
    spec::Experts e;
    e.count = pick({2, 4});
    e.top_k = 2;
    e.ffn = pick({512, 2048});
    e.first_dense = pick({0, 1});
    model.experts = e;
  }
  return model;
}

Case draw(unsigned seed) {
  std::mt19937 random(seed);
  const auto files = memory_files();
  const spec::Catalog catalog(*files, {});
  Case drawn;
  drawn.setting.model = small_model(random, seed % 2 == 1);
  drawn.setting.cluster = *catalog.cluster(random() % 2 == 0 ? "eos-h100" : "selene");
  drawn.setting.chip = *catalog.chip(drawn.setting.cluster.chip);
  const std::vector<std::string> stacks = {"megatron-core-2024", "megatron-2021", "hai-dualpipe",
                                           "fsdp2"};
  drawn.setting.stack = *catalog.stack(stacks[random() % stacks.size()]);
  drawn.setting.sequence = random() % 2 == 0 ? 512 : 96;
  drawn.setting.gpus = static_cast<std::int64_t>(4 + random() % 5);
  // So little memory that some layouts fit and others do not.
  drawn.setting.chip.memory.value = Bytes::of(4e9 + 1e8 * static_cast<double>(random() % 40));
  drawn.run.sequence = drawn.setting.sequence;
  drawn.run.tokens = Tokens::of(1e9);
  const auto batch = static_cast<std::int64_t>(4 * (1 + random() % 3));
  drawn.run.batch.phases = {{.from = Tokens{}, .sequences = batch}};
  drawn.run.layout.cp_method = layout::CpMethod::ring;
  return drawn;
}

// The same on machines that fail every few minutes, where goodput decides as much as speed: nodes
// of two GPUs, several batches with their price in tokens, each goal in turn, both policies.
Case draw_on_bad_machines(unsigned seed) {
  Case drawn = draw(seed);
  std::mt19937 random(seed + 1000);
  const auto files = memory_files();
  const spec::Catalog catalog(*files, {});
  spec::Cluster& cluster = drawn.setting.cluster;
  cluster = *catalog.cluster("oracle-24k-hopper");
  cluster.gpus_per_node = 2;
  cluster.failures.per_node.value =
      PerSecond::of((1.0 + static_cast<double>(random() % 20)) / 3600);
  cluster.failures.early_factor.value = 1.0 + static_cast<double>(random() % 3);
  cluster.failures.early_time.value = Seconds::of(3600.0 * static_cast<double>(1 + random() % 20));
  cluster.storage.write.value = BytesPerSecond::of(1e8 * static_cast<double>(1 + random() % 100));
  spec::Run& run = drawn.run;
  run.goal = std::array{spec::Goal::time, spec::Goal::cost, spec::Goal::energy}[seed % 3];
  if (seed % 4 == 0) run.on_lost_replica = spec::LostReplica::go_on;
  if (seed % 5 == 0) run.checkpoint.every = Seconds::of(60);
  if (seed % 5 == 1) run.checkpoint.every_steps = 20;
  run.checkpoint.memory_copy = seed % 2 == 0;
  drawn.setting.gpus = std::min<std::int64_t>(drawn.setting.gpus, 4);
  run.batch = {.kind = spec::BatchKind::range, .phases = {}, .low = 4, .high = 8};
  spec::Fact<Tokens> critical;
  critical.value = critical.low = critical.high = Tokens::of(2000.0);
  run.critical_batch = critical;
  return drawn;
}

using Degrees = std::tuple<int, int, int, int, int, int, int, std::int64_t>;
Degrees degrees_of(const Outcome& outcome) {
  const layout::Layout& l = outcome.layout;
  return {l.tp, l.cp, l.pp, l.dp, l.ep, l.etp, l.micro_batch, outcome.global_batch};
}

// The best objective of every family, by trying every combination.
class BruteForce {
 public:
  BruteForce(const cost::StepModel& model, const Objective& objective)
      : model_(model), objective_(objective) {}

  std::map<Degrees, double> best_of_families() {
    for (const Training& training : objective_.trainings()) {
      training_ = &training;
      shape_ = model_.shape(training.legal_batch);
      cuts();
    }
    return best_;
  }

 private:
  void cuts() {
    const int gpus = static_cast<int>(shape_.gpus);
    const int batch = static_cast<int>(shape_.global_batch);
    for (l_.tp = 1; l_.tp <= gpus; ++l_.tp)
      for (l_.cp = 1; l_.tp * l_.cp <= gpus; ++l_.cp)
        for (l_.pp = 1; l_.tp * l_.cp * l_.pp <= gpus; ++l_.pp)
          for (l_.dp = 1; l_.ranks() <= gpus; ++l_.dp)
            for (l_.micro_batch = 1; l_.micro_batch <= batch; ++l_.micro_batch)
              for (l_.ep = 1; l_.ep <= std::max(1, shape_.experts); ++l_.ep)
                for (l_.etp = 1; l_.etp <= 8; ++l_.etp)
                  for (const bool sp : {false, true}) {
                    l_.sequence_parallel = sp;
                    pipelines();
                  }
  }

  void pipelines() {
    for (const layout::Schedule schedule : model_.setting().stack.schedules)
      for (l_.vpp = 1; l_.vpp <= shape_.layers + 2; ++l_.vpp)
        for (const auto partition : {layout::Partition::even, layout::Partition::balanced})
          for (const auto recompute : {layout::Recompute::none, layout::Recompute::selective,
                                       layout::Recompute::full, layout::Recompute::full_for_some})
            for (l_.recompute_layers = 0; l_.recompute_layers <= shape_.layers;
                 ++l_.recompute_layers)
              for (const auto order :
                   {layout::RankOrder::tp_cp_dp_pp, layout::RankOrder::tp_cp_pp_dp}) {
                l_.schedule = schedule;
                l_.partition = partition;
                l_.recompute = recompute;
                l_.order = order;
                replicas();
              }
  }

  void replicas() {
    l_.zero_stage = l_.shard = 0;
    if (illegal(l_, shape_) && *illegal(l_, shape_) != layout::Illegal::zero_without_replicas)
      return;
    for (l_.zero_stage = 0; l_.zero_stage <= 3; ++l_.zero_stage)
      for (const bool optimizer : {false, true})
        for (const bool activations : {false, true}) {
          l_.offload_optimizer = optimizer;
          l_.offload_activations = activations;
          if (layout::illegal(l_, shape_)) continue;
          const cost::StageCosts stages =
              model_.stage_costs(model_.layer_costs(cost::LayerSplit::of(l_)), l_);
          const Outcome outcome = objective_.outcome(stages, l_, *training_);
          if (!model_.fits(outcome.step)) continue;
          const auto [known, fresh] = best_.try_emplace(degrees_of(outcome), outcome.objective);
          if (!fresh) known->second = std::min(known->second, outcome.objective);
        }
    l_.zero_stage = 0;
    l_.offload_optimizer = l_.offload_activations = false;
  }

  const cost::StepModel& model_;
  const Objective& objective_;
  const Training* training_ = nullptr;
  layout::Shape shape_;
  layout::Layout l_;
  std::map<Degrees, double> best_;
};

struct Planned {
  std::unique_ptr<cost::StepModel> model;
  std::optional<Objective> objective;
  Answer answer;
};

Planned planned(const Case& drawn, const SearchOptions& options, int threads) {
  Planned out;
  out.model = *cost::StepModel::of(drawn.setting);
  out.objective = *Objective::of(drawn.run, *out.model, *drawn.run.tokens);
  // One NVLink domain: no HSDP groups, which brute force does not try.
  const Space full(out.model->shape(1), drawn.run.layout, drawn.setting.stack, {8});
  const Space coarse(out.model->shape(1), drawn.run.layout, drawn.setting.stack, {8}, true);
  ThreadPool pool(threads);
  out.answer = search(*out.model, *out.objective, {full, coarse}, options, pool);
  return out;
}

class SearchOfSeed : public testing::TestWithParam<unsigned> {};

void expect_what_brute_force_finds(Case drawn) {
  drawn.run.layout.shard = 0;
  const Planned found = planned(drawn, {}, 1);
  const auto all = BruteForce(*found.model, *found.objective).best_of_families();
  std::vector<double> expected;
  for (const auto& [degrees, objective] : all) expected.push_back(objective);
  std::sort(expected.begin(), expected.end());
  if (expected.size() > 10) expected.resize(10);
  std::vector<double> actual;
  for (const Outcome& outcome : found.answer.best) actual.push_back(outcome.objective);
  EXPECT_EQ(actual, expected);
  for (const Outcome& outcome : found.answer.best) {
    EXPECT_EQ(all.at(degrees_of(outcome)), outcome.objective) << layout::written(outcome.layout);
  }
}

void expect_what_the_exhaustive_search_finds(const Case& drawn) {
  const Planned bounded = planned(drawn, {}, 1);
  const Planned all = planned(drawn, {.exhaustive = true}, 1);
  const auto points = [](const std::vector<Outcome>& outcomes) {
    std::vector<std::pair<double, double>> out;
    for (const Outcome& o : outcomes) out.emplace_back(o.objective, o.step.memory_max.in_base());
    return out;
  };
  EXPECT_EQ(points(bounded.answer.best), points(all.answer.best));
  EXPECT_EQ(points(bounded.answer.pareto), points(all.answer.pareto));
  EXPECT_LE(bounded.answer.searched, all.answer.searched);
}

// The ten best of families are the ten least of brute force: the same degrees where no two tie, the
// same objectives in any case.
TEST_P(SearchOfSeed, finds_what_brute_force_finds) {
  SCOPED_TRACE(GetParam());
  expect_what_brute_force_finds(draw(GetParam()));
}

TEST_P(SearchOfSeed, finds_what_brute_force_finds_on_bad_machines) {
  SCOPED_TRACE(GetParam());
  expect_what_brute_force_finds(draw_on_bad_machines(GetParam()));
}

// The bounds prove what they skip: without them the answer is the same, the front included.
TEST_P(SearchOfSeed, agrees_with_the_exhaustive_search) {
  SCOPED_TRACE(GetParam());
  expect_what_the_exhaustive_search_finds(draw(GetParam()));
}

TEST_P(SearchOfSeed, agrees_with_the_exhaustive_search_on_bad_machines) {
  for (unsigned i = 0; i < 2; ++i) {
    SCOPED_TRACE(GetParam() + 8 * i);
    expect_what_the_exhaustive_search_finds(draw_on_bad_machines(GetParam() + 8 * i));
  }
}

// One thread and four agree to the bit, the counts of what was skipped included.
TEST_P(SearchOfSeed, does_not_depend_on_the_threads) {
  const Case drawn = draw(GetParam());
  const Planned one = planned(drawn, {}, 1);
  const Planned four = planned(drawn, {}, 4);
  EXPECT_EQ(one.answer.searched, four.answer.searched);
  ASSERT_EQ(one.answer.best.size(), four.answer.best.size());
  for (std::size_t i = 0; i < one.answer.best.size(); ++i) {
    EXPECT_EQ(one.answer.best[i].layout, four.answer.best[i].layout);
    EXPECT_EQ(one.answer.best[i].objective, four.answer.best[i].objective);
  }
  ASSERT_EQ(one.answer.pruned.size(), four.answer.pruned.size());
  for (std::size_t i = 0; i < one.answer.pruned.size(); ++i) {
    EXPECT_EQ(one.answer.pruned[i].count, four.answer.pruned[i].count)
        << one.answer.pruned[i].reason;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SearchOfSeed, testing::Range(1u, 9u));

// A front holds no point that another beats in both, and ends at the last of the best.
TEST(Found, keeps_a_front_that_nothing_dominates) {
  Found found(3);
  const auto candidate = [](double objective, double memory, int tp) {
    Candidate c{.objective = objective, .memory = memory, .training = 0, .layout = {}};
    c.layout.tp = tp;
    return c;
  };
  found.add(candidate(10, 50, 1));
  found.add(candidate(11, 60, 2));  // slower and larger
  found.add(candidate(12, 40, 4));
  found.add(candidate(20, 10, 8));  // beyond the last of the best three
  ASSERT_EQ(found.best().size(), 3u);
  EXPECT_EQ(found.limit(), 12);
  ASSERT_EQ(found.pareto().size(), 2u);
  EXPECT_EQ(found.pareto()[0].memory, 50);
  EXPECT_EQ(found.pareto()[1].memory, 40);
}

}  // namespace
}  // namespace celere::plan
