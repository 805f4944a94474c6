#include "plan/search.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <set>

#include "plan/cut_search.hpp"
#include "plan/found.hpp"

namespace celere::plan {
namespace {

using cost::LayerSplit;
using layout::Layout;

constexpr std::size_t cuts_a_round = 8;

using Cut = std::pair<int, int>;  // tp, cp
Cut cut_of(const Layout& layout) { return {layout.tp, layout.cp}; }

Outcome outcome_of(const Scene& scene, const Candidate& candidate) {
  const cost::LayerCosts layers = scene.model().layer_costs(LayerSplit::of(candidate.layout));
  const cost::StageCosts stages = scene.model().stage_costs(layers, candidate.layout);
  return scene.objective().outcome(stages, candidate.layout, scene.training(candidate.training));
}

std::vector<Pruned> pruned_of(const Scene& scene, Found found) {
  std::vector<Pruned> all;
  for (const auto& [rule, broken] : scene.illegal()) found.add_illegal(rule, broken);
  for (const auto& [rule, broken] : found.illegal()) {
    Pruned pruned;
    pruned.reason = layout::reason(rule);
    pruned.count = broken.count;
    pruned.unit = "groups";
    pruned.example = broken.example;
    all.push_back(pruned);
  }
  for (const auto& [key, reason] : found.pruned()) {
    Pruned pruned;
    pruned.group = key.first;
    pruned.reason = key.second;
    pruned.count = reason.count;
    pruned.unit = "groups";
    if (key.second == pruned_by_bound) pruned.bound = reason.bound;
    all.push_back(pruned);
  }
  if (found.too_big() > 0) {
    Pruned pruned;
    pruned.reason = "does not fit into memory";
    pruned.count = found.too_big();
    pruned.unit = "layouts";
    pruned.need = Bytes::of(found.smallest().memory);
    all.push_back(pruned);
  }
  return all;
}

// Of the first of these that nothing passes: what makes a pipeline legal, what makes a cut legal,
// the rest.
std::vector<std::string> blocking_of(const Scene& scene, const Found& found) {
  bool some_pipeline = false;
  for (const int pp : scene.space().pp()) some_pipeline |= !scene.pipelines(pp).empty();
  const auto of_cut = [](layout::Illegal rule) {
    using layout::Illegal;
    const bool of_experts = Illegal::experts_tp_without_sp <= rule && rule <= Illegal::expert_fold;
    return rule <= Illegal::cp_heads && !of_experts;
  };
  std::int64_t illegal_cuts = 0;
  for (const auto& [rule, broken] : found.illegal()) {
    if (of_cut(rule)) illegal_cuts += broken.count;
  }
  const bool some_cut =
      illegal_cuts < static_cast<std::int64_t>(scene.space().dense_splits().size());
  std::vector<std::string> reasons;
  for (const auto& [rule, broken] : some_pipeline ? found.illegal() : scene.illegal()) {
    if (!some_pipeline || of_cut(rule) != some_cut) reasons.push_back(broken.example);
  }
  // That many ranks are too many says nothing where fewer are forbidden for another reason.
  const auto too_many = found.illegal().find(layout::Illegal::ranks);
  if (reasons.size() > 1 && too_many != found.illegal().end()) {
    std::erase(reasons, too_many->second.example);
  }
  for (const auto& [key, reason] : found.pruned()) {
    const std::string& text = key.second;
    const bool told = std::find(reasons.begin(), reasons.end(), text) != reasons.end();
    if (some_pipeline && some_cut && !told) reasons.push_back(text);
  }
  return reasons;
}

Answer answer_of(const Scene& scene, const Found& found) {
  Answer answer;
  answer.searched = found.searched;
  answer.hash = found.hash;
  answer.pruned = pruned_of(scene, found);
  for (const Candidate& candidate : found.best()) {
    answer.best.push_back(outcome_of(scene, candidate));
  }
  for (const Candidate& candidate : found.pareto()) {
    answer.pareto.push_back(outcome_of(scene, candidate));
  }
  for (const auto& [tp, candidate] : found.best_by_tp()) {
    answer.best_by_tp.push_back(outcome_of(scene, candidate));
  }
  if (found.best().empty()) answer.blocking = blocking_of(scene, found);
  if (found.best().empty() && found.too_big() > 0) {
    answer.nearest = outcome_of(scene, found.smallest());
  }
  return answer;
}

// All of `cuts`, in rounds. `points` collects the distinct (time,
// memory), `bests` the best objective of each cut.
Found search_cuts(const Scene& scene, const std::vector<Layout>& cuts, ThreadPool& threads,
                  std::vector<std::uint64_t>& points, std::map<Cut, double>& bests,
                  const std::function<void(double)>& progress = {}) {
  const double limit = scene.options().limit;
  Found found(scene.options().best);
  std::atomic<std::size_t> done = 0;
  for (std::size_t from = 0; from < cuts.size(); from += cuts_a_round) {
    const std::size_t count = std::min(cuts_a_round, cuts.size() - from);
    std::vector<Found> parts(count, Found(scene.options().best));
    threads.for_each_index(count, [&](std::size_t i) {
      parts[i] = CutSearch(scene, std::min(limit, found.limit())).search(cuts[from + i]);
      if (progress) progress(static_cast<double>(++done) / static_cast<double>(cuts.size()));
    });
    for (std::size_t i = 0; i < count; ++i) {
      found.merge(parts[i]);
      if (!parts[i].best().empty()) {
        bests.emplace(cut_of(cuts[from + i]), parts[i].best().front().objective);
      }
      points.insert(points.end(), parts[i].points.begin(), parts[i].points.end());
    }
    std::sort(points.begin(), points.end());
    points.erase(std::unique(points.begin(), points.end()), points.end());
  }
  return found;
}

}  // namespace

Answer search(const cost::StepModel& model, const Objective& objective, const Spaces& spaces,
              const SearchOptions& options, ThreadPool& threads) {
  std::vector<std::uint64_t> points;
  std::map<Cut, double> bests;
  std::vector<Layout> cuts = spaces.full.dense_splits();
  Scene::Options of_scene{.exhaustive = options.exhaustive,
                          .count_distinct = options.count_distinct,
                          .best = options.best,
                          .limit = std::numeric_limits<double>::infinity()};
  if (!options.exhaustive) {
    const Scene coarse(model, objective, spaces.coarse, of_scene, threads);
    const std::vector<Layout>& few = spaces.coarse.dense_splits();
    of_scene.limit = search_cuts(coarse, few, threads, points, bests).limit();
    points.clear();
    // What was good in the coarse space first: the bounds bite from the first round.
    const auto best_of = [&](const Layout& cut) {
      const auto known = bests.find(cut_of(cut));
      return known == bests.end() ? std::numeric_limits<double>::infinity() : known->second;
    };
    std::stable_sort(cuts.begin(), cuts.end(),
                     [&](const Layout& a, const Layout& b) { return best_of(a) < best_of(b); });
  }
  const Scene scene(model, objective, spaces.full, of_scene, threads);
  Answer answer =
      answer_of(scene, search_cuts(scene, cuts, threads, points, bests, options.progress));
  answer.distinct = static_cast<std::int64_t>(points.size());
  return answer;
}

}  // namespace celere::plan
