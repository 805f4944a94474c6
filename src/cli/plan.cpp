#include <memory>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "cli/read_run.hpp"
#include "cli/verbs.hpp"
#include "plan/planner.hpp"
#include "report/plan_report.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run;
  std::string layout;
  bool exhaustive = false;
  int threads = 0;
};

int run_plan(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  Result<ReadRun> read = read_run(*files, flags.run);
  if (!read.ok()) return complain(read.error().text());
  plan::PlanOptions options;
  options.search.exhaustive = flags.exhaustive;
  if (!flags.layout.empty()) {
    Result<spec::LayoutWish> layout = spec::parse_layout_text(flags.layout);
    if (!layout.ok()) return complain(layout.error().text());
    options.layout = *std::move(layout);
  }
  const spec::Catalog catalog(*files, catalog_folders(common));
  ThreadPool threads(flags.threads);
  const SystemClock clock;
  Progress progress(clock, standard_error_terminal(), "searching layouts");
  options.search.progress = [&](double share) { progress.update(share); };
  const auto plan = plan::make_plan(std::move(read->run), catalog, options, threads);
  progress.finish();
  if (!plan.ok()) return complain(plan.error().text());
  print(common.json ? report::plan_json(**plan) : report::plan_text(**plan));
  return (*plan)->answer.best.empty() ? exit_no : exit_fine;
}

}  // namespace

void add_plan(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "plan", "The best layouts of a training: time, memory, price, and why the rest lost");
  verb->add_option("RUN", flags->run, "the run file (docs/run-file.md), or a run directory")
      ->required();
  verb->add_option("--layout", flags->layout,
                   "fix these of the layout and search the rest: tp=8,pp=16,...");
  verb->add_flag("--exhaustive", flags->exhaustive, "skip nothing, whatever the bounds prove");
  verb->add_option("--threads", flags->threads, "how many threads search (default: all cores)")
      ->check(CLI::Range(1, 1024));
  verb->add_flag("--json", common.json, "print JSON");
  verb->callback([flags, &common] { common.exit_code = run_plan(*flags, common); });
}

}  // namespace celere::cli
