// A plan for people and for programs: two views of one answer.
#pragma once

#include <string>

#include "plan/planner.hpp"

namespace celere::report {

// What a terminal shows: at most 100 columns.
std::string plan_text(const plan::Plan& plan);

// That no layout is possible: what limits it, what it needs and what is there.
std::string infeasible_text(const plan::Infeasible& infeasible);

// Stable keys that end in their unit. `best`, `pareto`: objects of one layout each; `pruned`;
// `infeasible`: null or {limit, need, have}. What is unknown is null.
std::string plan_json(const plan::Plan& plan);

// The layout in one sentence an axis.
std::string layout_in_words(const layout::Layout& layout);

}  // namespace celere::report
