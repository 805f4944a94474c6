#include <fmt/format.h>

#include <memory>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "cli/lives_flags.hpp"
#include "cli/read_run.hpp"
#include "cli/verbs.hpp"
#include "report/life_report.hpp"
#include "report/training_report.hpp"
#include "wire/run_directory.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run, runs = "runs", output, svg;
  std::vector<std::string> clusters;
  bool shifts = false;
  LivesFlags lives;
};

struct Made {
  std::string page, headline;
  std::vector<report::Svg> svgs = {};
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
    if (run.cluster_name == "this-machine" && !alone) run.cluster_name = "this-machine-cores";
  }
  const auto plan = plan::make_plan(run, catalog, options, threads);
  if (!plan.ok()) return {.from = plan.error().text()};
  const plan::Answer& answer = (*plan)->answer;
  if (answer.best.empty()) return {.from = "no such layout fits: " + answer.infeasible->limit};
  return {.time = spread_around(answer.best.front().step.time, (*plan)->step_spread),
          .from = fmt::format("celere plan, for {} of {}", run.name, run.cluster_name)};
}

Result<Made> of_training(const spec::Run& run, const wire::RunDirectory& directory,
                         const Files& files, const spec::Catalog& catalog, ThreadPool& threads) {
  const SystemClock clock;
  ASSIGN_OR_RETURN(report::Training training,
                   report::read_training(files, directory, clock.wall()));
  training.predicted = predicted(run, training.layout(), catalog, threads);
  return Made{report::training_page(training), report::training_headline(training),
              report::training_svgs(training)};
}

Result<Made> of_comparison(const spec::Run& run, const std::vector<std::string>& clusters,
                           const spec::Catalog& catalog, life::ForecastOptions lives,
                           ThreadPool& threads) {
  lives.tune = false;
  const SystemClock clock;
  Progress progress(clock, standard_error_terminal(), "living it many times");
  Result<study::Comparison> comparison = study::compare(
      run, clusters, catalog, lives, threads, [&](double share) { progress.update(share); });
  progress.finish();
  if (!comparison.ok()) return comparison.error();
  return Made{report::comparison_page(*comparison), report::comparison_headline(*comparison),
              report::comparison_svgs(*comparison)};
}

Result<Made> of_forecast(const spec::Run& run, const spec::Catalog& catalog,
                         const life::ForecastOptions& lives, ThreadPool& threads) {
  ASSIGN_OR_RETURN(const auto plan, plan::make_plan(run, catalog, {}, threads));
  ASSIGN_OR_RETURN(life::Built built, life::scene_of(*plan));
  const SystemClock clock;
  Progress progress(clock, standard_error_terminal(), "living it many times");
  const life::Forecast forecast = life::forecast_of(std::move(built), lives, threads,
                                                    [&](double share) { progress.update(share); });
  progress.finish();
  return Made{report::forecast_page(*plan, forecast), report::forecast_headline(forecast),
              report::forecast_svgs(*plan, forecast)};
}

Result<Made> make(const Flags& flags, const Common& common, const Files& files,
                  const spec::Run& run, const wire::RunDirectory& directory) {
  const std::vector<std::string>& clusters = flags.clusters.empty() ? run.compared : flags.clusters;
  const spec::Catalog catalog(files, catalog_folders(common));
  ThreadPool threads(flags.lives.threads);
  if (clusters.empty() && files.exists(directory.metrics())) {
    return of_training(run, directory, files, catalog, threads);
  }
  if (!clusters.empty()) {
    life::ForecastOptions lives = flags.lives.lives;
    lives.shift = flags.shifts;
    return of_comparison(run, clusters, catalog, lives, threads);
  }
  return of_forecast(run, catalog, flags.lives.lives, threads);
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

Status write_report(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  ASSIGN_OR_RETURN(const ReadRun read, read_run(*files, flags.run));
  const wire::RunDirectory directory = read.directory.empty()
                                           ? wire::run_directory_of(flags.runs, read.run.name)
                                           : wire::RunDirectory{read.directory};
  ASSIGN_OR_RETURN(const Made made, make(flags, common, *files, read.run, directory));
  const std::string output = flags.output.empty() ? directory.report() : flags.output;
  if (flags.output.empty()) RETURN_IF_ERROR(files->make_folder(directory.folder));
  RETURN_IF_ERROR(save(flags, made, output, *files));
  print(fmt::format("{}\n{}\n", made.headline, output));
  return Done{};
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
  verb->add_option("--clusters", flags->clusters,
                   "compare these, each NAME or NAME:GPUS (default: compare.clusters)")
      ->delimiter(',');
  verb->add_flag("--shifts", flags->shifts, "of a comparison: what moves each end most, too");
  verb->add_option("--output", flags->output, "default: report.html in the run directory");
  verb->add_option("--svg", flags->svg, "write each chart into this folder, too");
  verb->add_option("--runs", flags->runs, "the folder of run directories (default: runs)");
  add_lives_options(*verb, flags->lives);
  verb->callback([flags, &common] {
    const Status written = write_report(*flags, common);
    common.exit_code = written.ok() ? exit_fine : complain(written.error().text());
  });
}

}  // namespace celere::cli
