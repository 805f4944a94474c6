#include "launch/job.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/thread_pool.hpp"
#include "launch/layouts.hpp"
#include "plan/planner.hpp"
#include "policy/settings.hpp"
#include "spec/layout_shape.hpp"
#include "spec/layout_wish.hpp"
#include "spec/scaled_model.hpp"

namespace celere::launch {
namespace {

// A layout of several ranks that breaks a rule is refused here already, before anything starts.
Status check(const spec::Run& run, const layout::Layout& layout, const layout::Shape& counts,
             const std::string& flag) {
  const std::string place = flag.empty() ? run.place_of("layout") : "--layout " + flag;
  if (const auto why = layout::untrained(layout)) return bad_input(place + ": " + *why);
  if (layout.ranks() == 1) return Done{};
  if (const auto rule = layout::illegal(layout, counts)) {
    return bad_input(place + ": " + layout::explain(*rule, layout, counts));
  }
  return Done{};
}

// Unless the run file says it: on one machine all ranks, elsewhere as many as a node of the cluster
// has GPUs.
Result<int> ranks_per_node(const spec::Run& run, const spec::Catalog& catalog, const JobWish& wish,
                           int ranks) {
  int count = ranks;
  if (run.recovery.ranks_per_node) {
    count = *run.recovery.ranks_per_node;
  } else if (!wish.one_machine) {
    ASSIGN_OR_RETURN(const spec::Cluster cluster, catalog.cluster(run.cluster_name));
    count = cluster.gpus_per_node;
  }
  return std::min(ranks, count);
}

}  // namespace

std::function<std::optional<layout::Layout>(int gpus)> planner_of(const spec::Run& run,
                                                                  const spec::Catalog& catalog) {
  return [run, &catalog](int gpus) -> std::optional<layout::Layout> {
    spec::Run fewer = run;
    fewer.gpus = gpus;
    fewer.layout = {};
    fewer.spares = 0;
    ThreadPool threads(0);
    const auto plan = plan::make_plan(std::move(fewer), catalog, {}, threads);
    if (!plan.ok()) return std::nullopt;
    for (const plan::Outcome& outcome : (*plan)->answer.best) {
      if (!layout::untrained(outcome.layout)) return outcome.layout;
    }
    return std::nullopt;
  };
}

Result<Job> make_job(const spec::Run& run, const spec::Catalog& catalog, const JobWish& wish) {
  Job job;
  job.directory = wish.directory;
  spec::LayoutWish said = run.layout;
  if (!wish.layout.empty()) {
    ASSIGN_OR_RETURN(const spec::LayoutWish over, spec::parse_layout_text(wish.layout));
    said = spec::merged(said, over);
  }
  job.layout = spec::layout_of(said);
  job.micro_batch_said = said.micro_batch.has_value();
  ASSIGN_OR_RETURN(const spec::Model model, spec::model_of(run, catalog));
  job.counts = spec::layout_shape(model);
  job.counts.sequence = run.sequence;
  job.counts.global_batch = run.batch.phases.empty() ? 1 : run.batch.phases.back().sequences;
  job.counts.gpus = job.layout.ranks();
  RETURN_IF_ERROR(check(run, job.layout, job.counts, wish.layout));
  const auto ranks = static_cast<int>(job.layout.ranks());
  ASSIGN_OR_RETURN(job.ranks_per_node, ranks_per_node(run, catalog, wish, ranks));
  const int needed = Slots{job.ranks_per_node}.count(job.layout);
  // Spares are counted in GPUs, and a node is a spare as a whole.
  const int spares = (run.spares.value_or(0) + job.ranks_per_node - 1) / job.ranks_per_node;
  job.nodes = wish.nodes > 0 ? wish.nodes : needed + spares;
  if (job.nodes < needed) {
    return bad_input(fmt::format("--nodes {}: {} ranks, {} on a node, need {} nodes", job.nodes,
                                 ranks, job.ranks_per_node, needed));
  }
  // On one machine its cores are shared by all ranks, else by those of a node.
  const int sharing = wish.one_machine ? ranks : job.ranks_per_node;
  job.threads = wish.threads > 0 ? wish.threads : std::max(1, wish.cores / sharing);
  job.one_machine = wish.one_machine;
  job.worker_arguments = {"train", "--run-directory", wish.directory.folder, "--corpus",
                          wish.corpus};
  if (wish.stop_after >= 0) {
    job.worker_arguments.insert(job.worker_arguments.end(),
                                {"--stop-after", std::to_string(wish.stop_after)});
  }
  for (const std::string& folder : wish.catalog) {
    job.worker_arguments.insert(job.worker_arguments.end(), {"--catalog", folder});
  }
  job.memory_copy = run.checkpoint.memory_copy;
  if (job.memory_copy) {
    job.worker_arguments.insert(job.worker_arguments.end(),
                                {"--ranks-per-node", std::to_string(job.ranks_per_node)});
  }
  job.settings = policy::settings_of(run);
  job.watch.step_deadline = run.recovery.step_deadline;
  job.watch.straggler_factor = run.recovery.straggler_factor;
  return job;
}

}  // namespace celere::launch
