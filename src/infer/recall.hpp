// Exact recall: of how many questions that a corpus trains does the model give the very answer that
// stands there?
//
// The greedy answer is the expected one exactly where, behind the question and each beginning of
// the expected answer, the likeliest token is the next one of it (by induction over the tokens). So
// no answer has to be generated: many documents pass the model at once, and each prediction is
// compared with what comes next. An answer spelt the same in other tokens counts as wrong.
//
// Near ties may fall the other way than token by token, where rounding differs. This measures
// memory of what was trained, not knowledge.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "infer/generate.hpp"
#include "tokens/dataset.hpp"

namespace celere::infer {

// So many different questions of the data set, drawn by the seed; all where it has fewer, in an
// order that the seed gives. Errors: bad_input, where it has none.
Result<std::vector<tokens::QuestionAnswer>> pick_questions(const tokens::Dataset& dataset,
                                                           std::int64_t count, std::uint64_t seed);

struct Miss {
  std::string question, expected, given;
};

struct Recall {
  std::int64_t asked = 0, exact = 0;
  Seconds time;
  std::vector<Miss> misses;  // the first few, with what is answered instead

  double share() const {
    return asked > 0 ? static_cast<double>(exact) / static_cast<double>(asked) : 0;
  }
};

// Errors: corrupt, where the weights are no good. REQUIRES: the questions are valid UTF-8.
Result<Recall> recall(const Generator& generator, std::span<const tokens::QuestionAnswer> questions,
                      std::size_t misses_max);

}  // namespace celere::infer
