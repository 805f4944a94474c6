#include <cstdio>
#include <memory>

#include "cli/worker_verbs.hpp"
#include "train/measure.hpp"

namespace celere::cli {
namespace {

void say(const wire::Measurement& measurement) {
  std::printf("%s\n", wire::written_json(measurement).c_str());
  std::fflush(stdout);
}

int exit_code_of(const Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.error().text().c_str());
  return 2;
}

int run_measure(const train::MeasureWish& wish) {
  const std::unique_ptr<Files> files = local_files();
  SystemClock clock;
  return exit_code_of(train::measure_machine(clock, *files, wish, say));
}

int run_measure_gloo(const train::CollectivesWish& wish) {
  SystemClock clock;
  return exit_code_of(train::measure_collectives(clock, wish, say));
}

}  // namespace

void add_measure(CLI::App& app, WorkerCommon& common) {
  const auto machine = std::make_shared<train::MeasureWish>();
  CLI::App* verb = app.add_subcommand("measure", "Measures this machine: one JSON object a line");
  verb->add_option("--folder", machine->folder, "where a file is written and removed")->required();
  verb->add_flag("--quick", machine->quick, "fewer shapes, in two seconds");
  verb->callback([machine, &common] { common.exit_code = run_measure(*machine); });

  const auto gloo = std::make_shared<train::CollectivesWish>();
  CLI::App* of_ranks =
      app.add_subcommand("measure-gloo", "Measures collectives, as one of some ranks that meet");
  of_ranks->add_option("--meeting", gloo->meeting, "a new file")->required();
  of_ranks->add_option("--rank", gloo->rank, "from 0")->required();
  of_ranks->add_option("--size", gloo->size, "how many ranks")->required();
  of_ranks->add_flag("--quick", gloo->quick, "fewer sizes");
  of_ranks->callback([gloo, &common] { common.exit_code = run_measure_gloo(*gloo); });
}

}  // namespace celere::cli
