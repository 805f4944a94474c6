#include <fmt/format.h>

#include <memory>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "calibrate/entries.hpp"
#include "cli/lives_flags.hpp"
#include "cli/read_run.hpp"
#include "cli/verbs.hpp"
#include "report/life_report.hpp"
#include "report/plan_report.hpp"
#include "report/training_report.hpp"
#include "wire/run_directory.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run, runs = "runs", output, svg;
  CompareFlags compared;
  LivesFlags lives;
};

struct Made {
  std::string page, headline;  // no page: what the headline says is all
  std::vector<report::Svg> svgs = {};
  std::string json = {};  // where it is asked for
  int exit_code = exit_fine;
};

// What the planner says of a step with this layout; why it says nothing where it does not. Several
// ranks of this machine share it as `calibrate` measured its cores.
report::PredictedStep predicted(spec::Run run, const std::string& layout,
                                const spec::Catalog& catalog, ThreadPool& threads) {
  plan::PlanOptions options;
  if (!layout.empty()) {
    Result<spec::LayoutWish> wish = spec::parse_layout_text(layout);
    if (!wish.ok()) return {.from = wish.error().text()};
    options.layout = *std::move(wish);
    const bool alone = options.layout->dp == 1 && options.layout->tp == 1 &&
                       options.layout->pp == 1 && options.layout->cp.value_or(1) == 1;
    if (run.cluster_name == calibrate::this_machine && !alone) {
      run.cluster_name = calibrate::all_cores;
    }
  }
  const auto plan = plan::make_plan(run, catalog, options, threads);
  if (!plan.ok()) return {.from = plan.error().text()};
  const plan::Answer& answer = (*plan)->answer;
  if (answer.best.empty()) return {.from = "no such layout fits: " + answer.infeasible->limit};
  return {.time = spread_around(answer.best.front().step.time, (*plan)->step_spread),
          .from = fmt::format("celere plan, for {} of {}", run.name, run.cluster_name)};
}

// What a page is made from.
struct Ground {
  const Flags& flags;
  const Files& files;
  const spec::Catalog& catalog;
  ThreadPool& threads;
  bool json;
};

Result<Made> of_training(const spec::Run& run, const wire::RunDirectory& directory,
                         const Ground& ground) {
  const SystemClock clock;
  ASSIGN_OR_RETURN(report::Training training,
                   report::read_training(ground.files, directory, clock.wall()));
  training.predicted = predicted(run, training.layout(), ground.catalog, ground.threads);
  return Made{.page = report::training_page(training),
              .headline = report::training_headline(training),
              .svgs = report::training_svgs(training),
              .json = ground.json ? report::training_json(training) : ""};
}

Result<Made> of_comparison(const spec::Run& run, const Ground& ground) {
  ASSIGN_OR_RETURN(const study::Comparison comparison,
                   compare_with_progress(run, ground.flags.compared, ground.flags.lives,
                                         ground.catalog, ground.threads));
  return Made{.page = report::comparison_page(comparison),
              .headline = report::comparison_headline(comparison),
              .svgs = report::comparison_svgs(comparison),
              .json = ground.json ? report::comparison_json(comparison) : "",
              .exit_code = comparison.by_time.empty() ? exit_no : exit_fine};
}

Result<Made> of_forecast(const spec::Run& run, const Ground& ground) {
  ASSIGN_OR_RETURN(const auto plan, plan::make_plan(run, ground.catalog, {}, ground.threads));
  if (plan->answer.infeasible) {
    return Made{.page = {},
                .headline = report::infeasible_text(*plan->answer.infeasible),
                .exit_code = exit_no};
  }
  ASSIGN_OR_RETURN(life::Built built, life::scene_of(*plan));
  const life::Forecast forecast =
      forecast_with_progress(std::move(built), ground.flags.lives.lives, ground.threads);
  return Made{.page = report::forecast_page(*plan, forecast),
              .headline = report::forecast_headline(forecast),
              .svgs = report::forecast_svgs(*plan, forecast),
              .json = ground.json ? report::forecast_json(*plan, forecast) : "",
              .exit_code = forecast.summary.done > 0 ? exit_fine : exit_no};
}

Result<Made> make(const spec::Run& run, const wire::RunDirectory& directory, const Ground& ground) {
  const bool trained = ground.files.exists(directory.metrics());
  if (trained && ground.flags.compared.clusters.empty()) return of_training(run, directory, ground);
  if (!compared(ground.flags.compared, run).empty()) return of_comparison(run, ground);
  return of_forecast(run, ground);
}

Status save(const Flags& flags, const Made& made, const std::string& output, Files& files) {
  RETURN_IF_ERROR(files.write(output, made.page));
  if (flags.svg.empty()) return Done{};
  RETURN_IF_ERROR(files.make_folder(flags.svg));
  for (const report::Svg& svg : made.svgs) {
    RETURN_IF_ERROR(files.write(fmt::format("{}/{}.svg", flags.svg, svg.name), svg.text));
  }
  return Done{};
}

Result<int> write_report(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  ASSIGN_OR_RETURN(const ReadRun read, read_run(*files, flags.run));
  const wire::RunDirectory directory = read.directory.empty()
                                           ? wire::run_directory_of(flags.runs, read.run.name)
                                           : wire::RunDirectory{read.directory};
  const spec::Catalog catalog(*files, catalog_folders(common));
  ThreadPool threads(flags.lives.threads);
  ASSIGN_OR_RETURN(const Made made, make(read.run, directory,
                                         {.flags = flags,
                                          .files = *files,
                                          .catalog = catalog,
                                          .threads = threads,
                                          .json = common.json}));
  if (made.page.empty()) {
    print(made.headline);
    return made.exit_code;
  }
  const std::string output = flags.output.empty() ? directory.report() : flags.output;
  if (flags.output.empty()) RETURN_IF_ERROR(files->make_folder(directory.folder));
  RETURN_IF_ERROR(save(flags, made, output, *files));
  print(common.json ? made.json : fmt::format("{}\n{}\n", made.headline, output));
  return made.exit_code;
}

}  // namespace

void add_report(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "report",
      "One page to read and to hand on (HTML, needs nothing beside it): of what was trained; else "
      "of clusters that are compared, or of the whole training as it would go");
  verb->add_option("RUN", flags->run, "the run file (docs/run-file.md), or a run directory")
      ->required();
  add_compare_options(
      *verb, flags->compared,
      {.clusters = "compare these, each NAME or NAME:GPUS (default: compare.clusters)",
       .shifts = "of a comparison: what moves each end most, too"});
  verb->add_option("--output", flags->output, "default: report.html in the run directory");
  verb->add_option("--svg", flags->svg, "write each chart into this folder, too");
  verb->add_option("--runs", flags->runs, "the folder of run directories (default: runs)");
  add_lives_options(*verb, flags->lives);
  verb->add_flag("--json", common.json, "print as JSON what the page shows");
  verb->callback([flags, &common] {
    const Result<int> written = write_report(*flags, common);
    common.exit_code = written.ok() ? *written : complain(written.error().text());
  });
}

}  // namespace celere::cli
