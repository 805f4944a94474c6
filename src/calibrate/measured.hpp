// What the worker told, in order: tables without holes, one number where there must be one.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "spec/curves.hpp"
#include "spec/precision.hpp"
#include "wire/measurement.hpp"

namespace celere::calibrate {

// Rates at every point of the axes, in FLOP/s: [x][y][z], the last axis the fastest.
struct Grid {
  std::vector<double> x, y, z;  // increasing
  std::vector<double> values;
  double best() const;
};

struct Measured {
  wire::MachineMeasured machine;
  // By arithmetic. A type without a table was not worth one.
  struct Products {
    wire::SustainedMeasured sustained;
    std::optional<Grid> grid;  // m, n, k
    double peak() const;       // the best of the table, and of what was sustained
  };
  Products fp32, bf16;
  Grid attention;  // sequence, head size, heads
  Grid experts;    // tokens an expert, width
  wire::BandwidthMeasured memory;
  wire::StorageMeasured storage;
  std::vector<spec::CollectiveCurve> collectives;

  // What products are to be computed in, of the two, as spec::measured_precision decides; its table
  // is there.
  spec::Precision best() const;
  // Large all-gathers: (n - 1) / n of the buffer over the time. REQUIRES: collectives has them.
  double link_bytes_per_s() const;
  // Of the smallest all-gather.
  double link_latency_s() const;
};

// Errors: corrupt, where something is missing, stands twice, or leaves a hole in a table.
Result<Measured> measured_of(const std::vector<wire::Measurement>& lines);

}  // namespace celere::calibrate
