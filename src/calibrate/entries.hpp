// Measurements as entries of a catalogue:
//
//   chips/this-machine.toml            one device is the whole machine, with all its threads
//   chips/this-machine-core.toml       one device is one of its threads: rates and memory divided
//   curves/this-machine.toml           the tables of both
//   clusters/this-machine.toml         one of the first: a training in one process
//   clusters/this-machine-cores.toml   as many of the second as there are threads: a rank a thread
//
// A training in one process has all threads in each product; ranks have a thread each and talk
// through Gloo. `celere plan` prices both from the one measurement, because ranks work at once:
// what they reach together is what all threads reach, and their parts share the memory and its
// bandwidth. So a core is the machine over its threads, graded as derived. A product of one thread
// that waits for no other is faster than that by what the threads of one process lose on small
// shapes.
//
// A cluster's failure rates, and what nobody can measure in seconds, are named assumptions; power
// and price are unknown.
#pragma once

#include <string>
#include <vector>

#include "base/date.hpp"
#include "calibrate/measured.hpp"

namespace celere::calibrate {

inline constexpr const char* this_machine = "this-machine";
inline constexpr const char* this_core = "this-machine-core";
inline constexpr const char* all_cores = "this-machine-cores";

struct Entry {
  std::string path;  // in a catalogue folder: "chips/this-machine.toml"
  std::string content;
};

// All five, in the order in which they refer to each other.
std::vector<Entry> entries_of(const Measured& measured, Date date);

}  // namespace celere::calibrate
