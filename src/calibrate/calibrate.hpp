// Measures this machine with the worker, and writes it into a catalogue folder (entries.hpp).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "base/result.hpp"
#include "calibrate/measured.hpp"
#include "spec/catalog.hpp"

namespace celere::calibrate {

struct World {
  Processes& processes;
  Files& files;
  Clock& clock;
};

struct Wish {
  bool quick = false;            // seconds, not a quarter of a minute: fewer shapes
  int threads = 0;               // 0: all cores
  std::string folder;            // of the catalogue that is written: the user's
  std::string scratch = "/tmp";  // where ranks meet
};

struct Calibration {
  Measured measured;
  spec::Precision precision = spec::Precision::fp32;  // that products are fastest in, and safe
  std::vector<std::string> files;                     // written
};

// `progress` is called with the share that is done. Nothing is written unless all of it was
// measured and reads back. Errors: not_found, where there is no worker; io; corrupt, where it says
// what is no measurement, with what it wrote to its standard error.
Result<Calibration> run(const World& world, const Wish& wish,
                        const std::function<void(double share)>& progress);

// What was measured before: nothing where `this-machine` is in no folder of the catalogue.
struct Machine {
  spec::Chip chip;
  FlopsPerSecond fp32_peak, bf16_peak;  // of one product
  spec::Precision precision = spec::Precision::fp32;
};
// Errors: bad_input, where the entry is wrong; unknown_value.
Result<std::optional<Machine>> measured_machine(const spec::Catalog& catalog);

}  // namespace celere::calibrate
