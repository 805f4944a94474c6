#include <memory>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "cli/lives_flags.hpp"
#include "cli/read_run.hpp"
#include "cli/verbs.hpp"
#include "life/given.hpp"
#include "life/replay.hpp"
#include "report/forecast_report.hpp"
#include "report/life_report.hpp"
#include "report/plan_report.hpp"
#include "report/replay_report.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run, scenario, layout, trace;
  int timeline = -1;
  bool whole = false, quick = false, replay = false;
  LivesFlags lives;
};

struct Simulated {
  std::unique_ptr<plan::Plan> plan;
  std::optional<life::Forecast> forecast;  // nothing: no layout fits
};

Result<Simulated> simulate(const Flags& flags, const Common& common, const Files& files) {
  ASSIGN_OR_RETURN(ReadRun read, read_run(files, flags.run));
  plan::PlanOptions options;
  if (!flags.layout.empty()) {
    ASSIGN_OR_RETURN(options.layout, spec::parse_layout_text(flags.layout));
  }
  const spec::Catalog catalog(files, catalog_folders(common));
  ThreadPool threads(flags.lives.threads);
  const SystemClock clock;
  Progress progress(clock, standard_error_terminal(), "searching layouts");
  options.search.progress = [&](double share) { progress.update(share); };
  Simulated out;
  ASSIGN_OR_RETURN(out.plan, plan::make_plan(std::move(read.run), catalog, options, threads));
  progress.finish();
  if (out.plan->answer.best.empty()) return out;
  ASSIGN_OR_RETURN(life::Built built, life::scene_of(*out.plan, {.waits_for_all = flags.whole}));
  if (!flags.scenario.empty()) {
    ASSIGN_OR_RETURN(const std::string content, files.read(flags.scenario));
    ASSIGN_OR_RETURN(const spec::Scenario scenario, spec::parse_scenario(content, flags.scenario));
    RETURN_IF_ERROR(life::add_scenario(built, scenario, flags.lives.lives.seed));
  }
  life::ForecastOptions lives = flags.lives.lives;
  lives.told = std::max(0, flags.timeline);
  if (lives.told >= lives.replicas) lives.replicas = lives.told + 1;
  lives.tune = lives.shift = !flags.quick && flags.timeline < 0;
  out.forecast = forecast_with_progress(std::move(built), lives, threads);
  return out;
}

int run_replay(const Flags& flags, const Files& files) {
  const Result<ReadRun> read = read_run(files, flags.run);
  if (!read.ok()) return complain(read.error().text());
  if (read->directory.empty()) {
    return complain(flags.run + " is a run file: what is replayed is a run directory");
  }
  const auto replayed = life::replay(files, {read->directory});
  if (!replayed.ok()) return complain(replayed.error().text());
  print(report::replay_text(read->directory, *replayed));
  return replayed->decisions.parting || replayed->life.parted ? exit_no : exit_fine;
}

int run_simulate(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  if (flags.replay) return run_replay(flags, *files);
  const Result<Simulated> simulated = simulate(flags, common, *files);
  if (!simulated.ok()) return complain(simulated.error().text());
  const plan::Plan& plan = *simulated->plan;
  if (!simulated->forecast) {
    print(report::infeasible_text(*plan.answer.infeasible));
    return exit_no;
  }
  const life::Forecast& forecast = *simulated->forecast;
  if (!flags.trace.empty()) {
    const Status written = files->write(flags.trace, report::life_trace(forecast));
    if (!written.ok()) return complain(written.error().text());
  }
  if (common.json) {
    print(report::forecast_json(plan, forecast));
  } else if (flags.timeline >= 0) {
    print(report::life_text(forecast));
  } else {
    print(report::forecast_text(plan, forecast));
  }
  return forecast.summary.done > 0 ? exit_fine : exit_no;
}

}  // namespace

void add_simulate(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "simulate",
      "The whole training, many times: when it ends, and what its time, money and energy go to");
  verb->add_option("RUN", flags->run, "the run file (docs/run-file.md), or a run directory")
      ->required();
  add_lives_options(*verb, flags->lives);
  verb->add_option("--scenario", flags->scenario,
                   "these faults too (docs/scenario.md), as train --faults does them");
  verb->add_option("--layout", flags->layout,
                   "fix these of the layout and search the rest: tp=8,pp=16,...");
  verb->add_flag("--wait-for-all", flags->whole,
                 "begin when all nodes are there, instead of with those there are");
  verb->add_flag("--quick", flags->quick,
                 "leave out the best checkpoint interval, spares, and what moves the end");
  verb->add_option("--timeline", flags->timeline, "tell the story of this life, event by event")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--trace", flags->trace,
                   "write the story of a life (--timeline, or 0) as a trace for ui.perfetto.dev");
  verb->add_flag("--replay", flags->replay,
                 "of a run directory that trained: decide again what recovery decided, and live "
                 "through the same faults");
  verb->add_flag("--json", common.json, "print JSON");
  verb->callback([flags, verb, &common] {
    const Status alone = goes_without(
        *verb, "--replay", {"--scenario", "--layout", "--timeline", "--trace", "--json"});
    common.exit_code = alone.ok() ? run_simulate(*flags, common) : complain(alone.error().text());
  });
}

}  // namespace celere::cli
