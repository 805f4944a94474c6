// The same training on several clusters: which ends first, which is cheapest, how sure that is, and
// what would change the answer.
//
// Each contender has its own best layout and batch (plan/), deliveries, failures and prices
// (life/), and begins at the same date or when its first GPUs are there. Life i of all contenders
// is lived in the same world (life/world.hpp): what makes steps longer or tokens more than
// predicted does so for all of them.
//
// Leaves out: what the clusters would be used for otherwise, and money that is spent before the end
// is dearer than money spent at it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/date.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "life/forecast.hpp"
#include "plan/planner.hpp"
#include "spec/catalog.hpp"
#include "spec/run.hpp"

namespace celere::study {

struct Contender {
  std::string name;     // "xai-100k-h100", or what the file calls it
  std::string cluster;  // of the catalogue
  std::string title;    // of the cluster
  std::unique_ptr<plan::Plan> plan;
  std::optional<life::Forecast> forecast;  // nothing: it cannot train this, see why_not
  std::string why_not = {};
  // Of time 0 of the comparison to that of its life.
  Seconds offset = {};
};

// Where the answer of two contenders flips.
struct Crossing {
  enum class By { tokens, delay, price };
  By by = By::tokens;
  std::size_t one = 0, other = 0;  // of the contenders: `one` is ahead below it, `other` above
  // tokens: so many; delay: seconds that the first contender's deliveries come later; price: a
  // factor on `one`'s dollars.
  std::optional<double> at = {};  // nothing: one is ahead whatever it is, within what was looked at
  double looked_from = 0, looked_to = 0;
};

struct Comparison {
  spec::Run run;
  Date start;  // time 0
  life::ForecastOptions options;
  std::vector<Contender> contenders;  // as they were named
  // before[i][j]: the share of worlds in which i ends before j (ties count half).
  std::vector<std::vector<double>> before;
  std::vector<std::vector<double>> cheaper;  // the same of dollars, where both are known; else -1
  std::vector<std::size_t> by_time, by_dollars;  // contenders in order of their median
  std::vector<Crossing> crossings;
  std::vector<std::string> assumptions;  // common to all
};

// Errors: bad_input, not_found, unknown_value; each with the file or entry and the key.
Result<Comparison> compare(const spec::Run& run, const std::vector<std::string>& clusters,
                           const spec::Catalog& catalog, const life::ForecastOptions& options,
                           ThreadPool& threads);

}  // namespace celere::study
