#include "calibrate/calibrate.hpp"

#include <memory>

#include "base/progress.hpp"
#include "cli/verbs.hpp"
#include "report/calibrate_report.hpp"

namespace celere::cli {
namespace {

struct Flags {
  calibrate::Wish wish;
  bool quiet = false;
};

int run_calibrate(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const std::unique_ptr<Processes> processes = local_processes();
  SystemClock clock;
  calibrate::Wish wish = flags.wish;
  if (wish.folder.empty()) wish.folder = user_catalog_folder();
  if (wish.folder.empty()) return complain("neither HOME nor XDG_CONFIG_HOME is set: give --to");
  Progress progress(clock, flags.quiet || common.json ? Terminal{} : standard_error_terminal(),
                    "measuring this machine");
  const auto calibration = calibrate::run({*processes, *files, clock}, wish,
                                          [&](double share) { progress.update(share); });
  progress.finish();
  if (!calibration.ok()) return complain(calibration.error().text());
  if (common.json) return print(report::calibrate_json(*calibration));
  return flags.quiet ? exit_fine : print(report::calibrate_text(*calibration));
}

}  // namespace

void add_calibrate(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "calibrate", "Measures this machine and writes it into the catalogue as this-machine");
  verb->add_flag("--quick", flags->wish.quick, "a few seconds: fewer shapes");
  verb->add_option("--threads", flags->wish.threads, "how many compute (default: all cores)")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--to", flags->wish.folder,
                   "the catalogue folder (default: the user's, in ~/.config/celere/catalog)");
  verb->add_flag("--quiet", flags->quiet, "print nothing");
  verb->add_flag("--json", common.json, "print JSON");
  verb->callback([flags, &common] { common.exit_code = run_calibrate(*flags, common); });
}

}  // namespace celere::cli
