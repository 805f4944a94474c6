// Every layout computes what one rank computes: from the same weights, in double, the loss of each
// micro-batch and every gradient agree to 1e-10 of their norm, and so do the weights after three
// steps. Ranks are threads of this program, which meet in memory and talk through Gloo.
//
// What depends on the layout by its nature: which choices a capacity drops (those of one rank's
// tokens), and nothing else; the balance loss is that of a micro-batch, however it is cut.
#include "nn/parallel_test.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bitset>

#include "layout/legal.hpp"
#include "spec/layout_shape.hpp"

namespace celere::nn {
namespace {

using layout::Axis;
using layout::Layout;

constexpr double tolerance = 1e-10;
constexpr int sequences = 8, length = 16;

struct Case {
  spec::Model model;
  spec::Optimizer optimizer = spec::Optimizer::sgd;
};

TrainPlan plan_of(const Case& c, const Layout& layout) {
  return {.sequences = sequences,
          .length = length,
          .micro_batch = layout.micro_batch,
          .micro_batches = sequences / layout.micro_batch,
          .optimizer = c.optimizer,
          .left_out = {}};
}

// One rank's, computed once for all layouts of the same micro-batches.
const Trained& alone(const Case& c, const Layout& layout) {
  static std::map<std::string, Trained> known;
  const std::string key =
      fmt::format("{} {} {}", c.model.name, static_cast<int>(c.optimizer), layout.micro_batch);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known.emplace(key, train_alone(c.model, plan_of(c, layout))).first->second;
}

layout::Shape shape_of(const spec::Model& model, int ranks) {
  layout::Shape shape = spec::layout_shape(model);
  shape.sequence = length;
  shape.global_batch = sequences;
  shape.gpus = ranks;
  return shape;
}

void check(const Case& c, const Layout& layout) {
  const auto illegal = layout::illegal(layout, shape_of(c.model, 32));
  ASSERT_FALSE(illegal) << layout::explain(*illegal, layout, shape_of(c.model, 32));
  const Difference d =
      difference_of(train_over_ranks(c.model, layout, plan_of(c, layout)), alone(c, layout));
  EXPECT_LE(d.worst, tolerance) << d.where << " with " << layout::written(layout) << " of "
                                << c.model.name;
}

// What a layout may have, of which every pair and every triple is to be seen.
constexpr int feature_count = 18;
using Features = std::bitset<feature_count>;
Features features_of(const Layout& l) {
  using layout::CpMethod, layout::Recompute;
  const bool all[feature_count] = {l.tp > 1,
                                   l.sequence_parallel,
                                   l.cp > 1 && l.cp_method == CpMethod::ring,
                                   l.cp > 1 && l.cp_method == CpMethod::all_gather,
                                   l.cp > 1 && l.cp_method == CpMethod::all_to_all,
                                   l.pp > 1,
                                   l.vpp > 1,
                                   l.dp > 1,
                                   l.ep > 1,
                                   l.etp > 1,
                                   l.zero_stage == 1,
                                   l.zero_stage == 2,
                                   l.zero_stage == 3,
                                   l.shard > 0,
                                   l.recompute == Recompute::selective,
                                   l.recompute == Recompute::full,
                                   l.recompute == Recompute::full_for_some,
                                   l.partition == layout::Partition::balanced};
  Features out;
  for (int i = 0; i < feature_count; ++i) out[static_cast<std::size_t>(i)] = all[i];
  return out;
}

// Of all legal layouts of up to eight ranks a fixed sample, drawn by hand of a generator.
std::vector<Layout> legal_layouts(const spec::Model& model, std::uint64_t seed) {
  std::uint64_t state = seed;
  const auto pick = [&](std::initializer_list<int> from) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return *(from.begin() + (state >> 33) % from.size());
  };
  std::vector<Layout> out;
  for (int draw = 0; draw < 200000 && out.size() < 3000; ++draw) {
    Layout l;
    l.tp = pick({1, 2, 2, 4});
    l.cp = pick({1, 2, 2, 4});
    l.pp = pick({1, 2, 2, 4});
    l.dp = pick({1, 2, 4, 8});
    l.vpp = pick({1, 2});
    l.ep = pick({1, 2, 4});
    l.etp = pick({1, 2});
    l.zero_stage = pick({0, 1, 2, 3});
    l.shard = pick({0, 0, 2});
    l.recompute = static_cast<layout::Recompute>(pick({0, 1, 2, 3}));
    l.recompute_layers = l.recompute == layout::Recompute::full_for_some ? 1 : 0;
    l.cp_method = static_cast<layout::CpMethod>(pick({0, 1, 2}));
    l.partition = static_cast<layout::Partition>(pick({0, 1}));
    l.order = static_cast<layout::RankOrder>(pick({0, 1}));
    l.sequence_parallel = pick({0, 1, 1}) == 1;
    if (l.vpp > 1) l.schedule = layout::Schedule::interleaved;
    if (l.ranks() > 1 && !layout::illegal(l, shape_of(model, 8))) out.push_back(l);
  }
  return out;
}

// As few of them as hold every triple (and so every pair) of features that any of them holds: the
// one that adds most, again and again.
std::vector<Layout> covering(const std::vector<Layout>& layouts) {
  using Triple = std::array<int, 3>;
  std::set<Triple> missing;
  const auto triples = [](const Layout& l) {
    const Features f = features_of(l);
    std::vector<Triple> out;
    for (int a = 0; a < feature_count; ++a) {
      for (int b = a; b < feature_count; ++b) {
        for (int c = b; c < feature_count; ++c) {
          if (f[static_cast<std::size_t>(a)] && f[static_cast<std::size_t>(b)] &&
              f[static_cast<std::size_t>(c)]) {
            out.push_back({a, b, c});
          }
        }
      }
    }
    return out;
  };
  std::vector<std::vector<Triple>> all;
  for (const Layout& l : layouts) {
    all.push_back(triples(l));
    missing.insert(all.back().begin(), all.back().end());
  }
  std::vector<Layout> out;
  while (!missing.empty()) {
    std::size_t best = 0;
    std::int64_t best_new = -1;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto is_new = std::count_if(all[i].begin(), all[i].end(),
                                        [&](const Triple& t) { return missing.contains(t); });
      if (is_new > best_new) std::tie(best, best_new) = std::pair(i, is_new);
    }
    for (const Triple& t : all[best]) missing.erase(t);
    out.push_back(layouts[best]);
  }
  return out;
}

void check_all(const std::vector<Case>& cases, std::uint64_t seed) {
  const std::vector<Layout> layouts = covering(legal_layouts(cases.front().model, seed));
  EXPECT_GT(layouts.size(), 10u);
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    const Case& c = cases[i % cases.size()];
    if (layout::illegal(layouts[i], shape_of(c.model, 8))) {
      check(cases.front(), layouts[i]);
    } else {
      check(c, layouts[i]);
    }
  }
}

TEST(Parallel, every_triple_of_axes_computes_what_one_rank_does) {
  check_all({{small_dense()}, {small_sinks()}}, 1);
}

TEST(Parallel, every_triple_of_axes_of_a_mixture_does) {
  check_all({{small_mixture()}, {small_latent()}}, 2);
}

// All axes at once.
TEST(Parallel, thirty_two_ranks) {
  check({small_mixture()}, {.tp = 2,
                            .cp = 2,
                            .pp = 2,
                            .vpp = 2,
                            .dp = 4,
                            .ep = 4,
                            .etp = 2,
                            .zero_stage = 2,
                            .shard = 4,
                            .recompute_layers = 0,
                            .schedule = layout::Schedule::interleaved,
                            .recompute = layout::Recompute::full,
                            .sequence_parallel = true});
}

// Muon sees whole matrices, whoever has their parts.
TEST(Parallel, muon_sees_whole_matrices) {
  const Case dense{small_dense(), spec::Optimizer::muon};
  const Case mixture{small_mixture(), spec::Optimizer::muon};
  const Case latent{small_latent(), spec::Optimizer::muon};
  check(dense, {.tp = 4});
  check(dense, {.tp = 2, .dp = 2, .zero_stage = 1, .sequence_parallel = true});
  check(dense, {.pp = 2, .dp = 2, .zero_stage = 2});
  check(dense, {.cp = 2, .dp = 2, .zero_stage = 3, .shard = 2});
  check(mixture, {.tp = 2, .dp = 2, .ep = 2, .etp = 2, .zero_stage = 1, .sequence_parallel = true});
  check(latent, {.dp = 4, .ep = 2, .etp = 1, .zero_stage = 3});
}

}  // namespace
}  // namespace celere::nn
