// The same training on several clusters: which ends first, which is cheapest, how sure that is, and
// what would change the answer.
//
// Each contender has its own best layout and batch (plan/), deliveries, failures and prices
// (life/), and begins at the same date or when its first GPUs are there. Life i of all contenders
// is lived in the same world (life/world.hpp): what makes steps longer or tokens more than
// predicted does so for all of them.
//
// Where the answer flips is read from the same lives: how long a training of fewer tokens takes is
// when that share of its steps was first done, one of more goes on at the pace of its last steps; a
// cluster whose deliveries all come later ends as much later; dollars are in proportion to a price.
//
// Leaves out: what a layout or batch for other numbers of tokens would gain, what the clusters
// would be used for otherwise, and that money spent early is dearer than money spent late.
#pragma once

#include <functional>
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
  std::string cluster;  // "xai-100k-h100"
  std::string title;    // of the cluster
  std::unique_ptr<plan::Plan> plan = {};
  std::optional<life::Forecast> forecast = {};  // nothing: it cannot train this, see why_not
  std::string why_not = {};
};

// Where the answer flips between two contenders, for half of all worlds.
struct Crossing {
  enum class By {
    tokens,  // so many at a small batch: up to them `one` ends first
    delay,   // seconds: all that `one` is delivered comes later by so much, and `other` ends first
    price,   // times the price of `one`: it is no longer cheaper
  };
  By by = By::tokens;
  std::size_t one = 0, other = 0;  // of the contenders
  double at = 0;
};

struct Comparison {
  spec::Run run;
  Date start;  // time 0
  life::ForecastOptions options;
  std::vector<Contender> contenders = {};  // as they were named
  // [i][j]: the share of worlds in which i ends before j (ties count half); who never ends is
  // last.
  std::vector<std::vector<double>> before = {};
  // The same of dollars; nothing where one's are not known.
  std::vector<std::vector<std::optional<double>>> cheaper = {};
  // Contenders of which a life ends, by the median of all lives: one that never ends is last.
  std::vector<std::size_t> by_time = {};
  std::vector<std::size_t> by_dollars = {};  // those whose dollars are known
  std::vector<Crossing> crossings = {};      // of pairs in the order of by_time, then of by_dollars
};

// `clusters`: of the catalogue, "NAME" or "NAME:GPUS"; each with all the GPUs of its entry where
// no number is given. `progress` is told the share that is done, by any thread. Errors: bad_input,
// not_found, unknown_value; each with the file or entry and the key.
Result<Comparison> compare(const spec::Run& run, const std::vector<std::string>& clusters,
                           const spec::Catalog& catalog, const life::ForecastOptions& options,
                           ThreadPool& threads, const std::function<void(double)>& progress = {});

// Who is before whom, and where that flips: fills in all that is read from the contenders' lives.
// REQUIRES: forecasts of equally many lives.
void judge(Comparison& comparison);

}  // namespace celere::study
