// What the worker measures of a machine, one line of JSON each, its kind first:
//
//   {"kind":"machine","cpu":"AMD EPYC","capability":"AVX-512 bf16","threads":2,...}
//   {"kind":"product","precision":"fp32","m":128,"n":512,"k":512,"flop_per_s":9.1e10}
//   {"kind":"collective","op":"all-reduce","ranks":2,"bytes":1024,"time_s":2.1e-5}
//   {"kind":"end"}
//
// Keys end in their unit. Only a measurement that ends with its last line is whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"

namespace celere::wire {

struct MachineMeasured {
  std::string cpu;         // as the processor calls itself
  std::string capability;  // "AVX-512 bf16", "AVX-512", "AVX2", "plain"
  std::int64_t threads = 0;
  double memory_bytes = 0;    // of the machine, or what this process may take of it
  double resident_bytes = 0;  // what no file backs, of a worker that has computed once
  friend bool operator==(const MachineMeasured&, const MachineMeasured&) = default;
};

// C[m, n] = A[m, k] B[n, k]': the best of a few.
struct ProductMeasured {
  std::string precision;  // "fp32", "bf16"
  std::int64_t m = 0, n = 0, k = 0;
  double flop_per_s = 0;
  friend bool operator==(const ProductMeasured&, const ProductMeasured&) = default;
};

// One product over and over for so long, in parts, of which the best counts.
struct SustainedMeasured {
  std::string precision;
  double time_s = 0;
  double flop_per_s = 0;
  friend bool operator==(const SustainedMeasured&, const SustainedMeasured&) = default;
};

// Causal attention forward: of the useful (lower triangle) work.
struct AttentionMeasured {
  std::int64_t sequence = 0, head_dim = 0, heads = 0;  // heads x batch
  double flop_per_s = 0;
  friend bool operator==(const AttentionMeasured&, const AttentionMeasured&) = default;
};

// One product an expert, to its width and back.
struct GroupedMeasured {
  std::int64_t tokens_per_expert = 0, expert_ffn = 0;
  double flop_per_s = 0;
  friend bool operator==(const GroupedMeasured&, const GroupedMeasured&) = default;
};

// All threads, on buffers that no cache holds; reads and writes both count.
struct BandwidthMeasured {
  double copy_bytes_per_s = 0;   // a = b
  double triad_bytes_per_s = 0;  // a = b + s c
  friend bool operator==(const BandwidthMeasured&, const BandwidthMeasured&) = default;
};

// A file written and on the disk.
struct StorageMeasured {
  double write_bytes_per_s = 0;
  friend bool operator==(const StorageMeasured&, const StorageMeasured&) = default;
};

// `bytes`: of the full buffer, as spec::CollectiveCurve counts.
struct CollectiveMeasured {
  std::string op;  // "all-reduce", "all-gather", "reduce-scatter", "all-to-all"
  std::int64_t ranks = 0;
  std::int64_t bytes = 0;
  double time_s = 0;
  friend bool operator==(const CollectiveMeasured&, const CollectiveMeasured&) = default;
};

struct ShareMeasured {
  double share = 0;  // of the whole measurement, so far
  friend bool operator==(const ShareMeasured&, const ShareMeasured&) = default;
};

struct MeasurementEnd {
  friend bool operator==(const MeasurementEnd&, const MeasurementEnd&) = default;
};

using Measurement =
    std::variant<MachineMeasured, ProductMeasured, SustainedMeasured, AttentionMeasured,
                 GroupedMeasured, BandwidthMeasured, StorageMeasured, CollectiveMeasured,
                 ShareMeasured, MeasurementEnd>;

// One line, without its end.
std::string written_json(const Measurement& measurement);

// Every key of the kind and no other; amounts above 0 (a share: from 0 to 1).
// Errors: corrupt, with the key.
Result<Measurement> parse_measurement(std::string_view line);

}  // namespace celere::wire
