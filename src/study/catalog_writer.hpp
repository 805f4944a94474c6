// What a fit found, written into the entries of a catalogue folder: the `is` of every number whose
// grade is "fitted", line by line, so that comments, sources and order stay as they are.
//
// A stack's number stands in its own file where it has a part of its own, and in the common entry
// otherwise. Three significant digits: more would say more than is known.
#pragma once

#include <string>
#include <vector>

#include "base/files.hpp"
#include "study/run_fit.hpp"

namespace celere::study {

struct WrittenNumber {
  std::string where;  // "stacks/jax-fsdp.toml: memory_factor"
  std::string before, after;
};

// Changes files under `folder` (as catalog/). Errors: io; bad_input where an entry does not parse.
Result<std::vector<WrittenNumber>> write_numbers(Files& files, const std::string& folder,
                                                 const FittedNumbers& numbers,
                                                 const Intervals& intervals);

// The number in a text with so many digits: "1.08", "4.3 ms".
std::string three_digits_of(double value, bool time);

// Replaces the `is` of KEY = { is = ... grade = "fitted" ... } in [table] (empty: before any
// table). False where there is none.
bool replace_fitted(std::string& toml, const std::string& table, const std::string& key,
                    const std::string& value);

}  // namespace celere::study
