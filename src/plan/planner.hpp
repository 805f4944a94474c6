// From a run file to its plan: the entries it names, the setting, the search.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/interval.hpp"
#include "plan/search.hpp"
#include "spec/catalog.hpp"

namespace celere::plan {

struct PlanOptions {
  SearchOptions search;
  // From --layout: what it fixes replaces what the run file's [layout] fixes.
  std::optional<spec::LayoutWish> layout;
};

// Owns all that its outcomes refer to.
struct Plan {
  spec::Run run;
  Tokens tokens;  // at a small batch
  std::unique_ptr<cost::StepModel> model;
  std::optional<Objective> objective;
  Answer answer;
  std::optional<Date>
      gpus_there;        // the day that all GPUs of the best layout are there, where it is known
  Spread step_spread;    // of measured over predicted step times with this software
  Spread tokens_spread;  // of the tokens, from the critical batch
  Spread wall_spread;    // both, with the failure rate
  std::vector<std::string> assumptions;  // what a reader must know about where the numbers stand
};

// Errors: bad_input, not_found, unknown_value; each with the file or entry and the key. That no
// layout fits is no error: answer.infeasible says why.
Result<std::unique_ptr<Plan>> make_plan(spec::Run run, const spec::Catalog& catalog,
                                        const PlanOptions& options, ThreadPool& threads);

}  // namespace celere::plan
