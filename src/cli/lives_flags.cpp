#include "cli/lives_flags.hpp"

namespace celere::cli {

void add_lives_options(CLI::App& verb, LivesFlags& flags) {
  verb.add_option("--replicas", flags.lives.replicas, "how many lives (default: 200)")
      ->check(CLI::Range(1, 1000000));
  verb.add_option("--seed", flags.lives.seed, "draw them with it (default: 1)");
  verb.add_flag("--certain", flags.lives.certain,
                "take step times, tokens and failure rates as predicted: only chance differs");
  verb.add_option("--threads", flags.threads, "how many threads simulate (default: all cores)")
      ->check(CLI::Range(1, 1024));
}

}  // namespace celere::cli
