// A training that ran, or runs: loss, step time measured and predicted, what failed and what it
// cost, from its run directory; as JSON, as one page of HTML and as SVG.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/interval.hpp"
#include "report/status.hpp"
#include "report/svg.hpp"
#include "wire/events.hpp"
#include "wire/metrics.hpp"

namespace celere::report {

// What the planner says of a step with the layout that was trained.
struct PredictedStep {
  std::optional<Interval<Seconds>> time = {};
  std::string from = {};  // the plan that says it, or why there is none
};

struct Training {
  std::string name;  // of the run
  TrainingStatus status;
  std::vector<wire::StepMetrics> steps;  // ascending
  std::vector<wire::Event> events;
  PredictedStep predicted = {};  // filled in by who plans; read_training() leaves it empty

  std::string layout() const;  // of the last start; empty: it did not say
};

// `now` is a wall time. Errors: not_found where there is no run file, io, bad_input; corrupt, with
// file and line.
Result<Training> read_training(const Files& files, const wire::RunDirectory& directory,
                               Instant now);

// "Done after 400 steps, with a validation loss of 3.210; a step took 120 ms, 131 ms were
// predicted; ..."
std::string training_headline(const Training& training);
// Every step and failure is there.
std::string training_json(const Training& training);
// Stays under 2 MB: of many steps the means of neighbours are shown, and the page says so.
std::string training_page(const Training& training);
std::vector<Svg> training_svgs(const Training& training);

}  // namespace celere::report
