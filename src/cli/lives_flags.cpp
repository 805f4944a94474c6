#include "cli/lives_flags.hpp"

#include "base/clock.hpp"
#include "base/progress.hpp"

namespace celere::cli {
namespace {

constexpr const char* living = "living it many times";

}  // namespace

void add_lives_options(CLI::App& verb, LivesFlags& flags) {
  verb.add_option("--replicas", flags.lives.replicas, "how many lives (default: 200)")
      ->check(CLI::Range(1, 1000000));
  verb.add_option("--seed", flags.lives.seed, "draw them with it (default: 1)");
  verb.add_flag("--certain", flags.lives.certain,
                "take step times, tokens and failure rates as predicted: only chance differs");
  verb.add_option("--threads", flags.threads, "how many threads simulate (default: all cores)")
      ->check(CLI::Range(1, 1024));
}

life::Forecast forecast_with_progress(life::Built built, const life::ForecastOptions& options,
                                      ThreadPool& threads) {
  const SystemClock clock;
  Progress progress(clock, standard_error_terminal(), living);
  return life::forecast_of(std::move(built), options, threads,
                           [&](double share) { progress.update(share); });
}

void add_compare_options(CLI::App& verb, CompareFlags& flags, const CompareHelp& help) {
  verb.add_option("--clusters", flags.clusters, help.clusters)->delimiter(',');
  verb.add_flag("--shifts", flags.shifts, help.shifts);
}

const std::vector<std::string>& compared(const CompareFlags& flags, const spec::Run& run) {
  return flags.clusters.empty() ? run.compared : flags.clusters;
}

Result<study::Comparison> compare_with_progress(const spec::Run& run, const CompareFlags& flags,
                                                const LivesFlags& lives,
                                                const spec::Catalog& catalog, ThreadPool& threads) {
  life::ForecastOptions options = lives.lives;
  options.tune = false;
  options.shift = flags.shifts;
  const SystemClock clock;
  Progress progress(clock, standard_error_terminal(), living);
  return study::compare(run, compared(flags, run), catalog, options, threads,
                        [&](double share) { progress.update(share); });
}

}  // namespace celere::cli
