// Published trainings lived many times (life/), and what comes out against what was published.
//
// Each case is a scene of its own numbers; all else is the same for all, stated in the file
// (published_lives.hpp). Recovery is that of a real run, which waits for nodes instead of planning
// anew and never gives up. A bound is broken where the mean of all lives lies outside by more than
// three of its standard errors.
//
// Leaves out: the quality of what is trained, queues, and what a person does by hand.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_pool.hpp"
#include "life/scene.hpp"
#include "study/published_lives.hpp"

namespace celere::study {

struct ExpectationResult {
  Expectation expected;
  double simulated = 0;
  double error = 0;               // one standard error
  std::optional<bool> kept = {};  // nothing: there is no bound
};

struct PublishedLifeResult {
  PublishedLife life;
  Seconds interval;  // between saves
  int spares = 0;
  int done = 0;  // lives that came to their end: all, or something is wrong with the case
  std::array<double, life::part_count> shares{};  // of all time
  std::vector<ExpectationResult> expected;
};

struct LivesOptions {
  std::uint64_t seed = 1;
  int replicas = 100;
};

struct LivesValidation {
  RecoveryTimes times;  // of cases without their own
  AssumedOfLives assumed;
  LivesOptions options;
  std::vector<PublishedLifeResult> results;
};

// REQUIRES: `assumed` and `life` come from parse_published_lives.
life::Scene scene_of(const PublishedLife& life, const AssumedOfLives& assumed);

LivesValidation validate_lives(const PublishedLives& lives, const LivesOptions& options,
                               ThreadPool& threads);

// Each bound that is broken, in words; empty: all are kept.
std::vector<std::string> broken(const LivesValidation& validation);

}  // namespace celere::study
