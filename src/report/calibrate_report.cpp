#include "report/calibrate_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/written_units.hpp"

namespace celere::report {
namespace {

using Json = nlohmann::ordered_json;

std::string products(const char* name, const calibrate::Measured::Products& measured) {
  return fmt::format("  {:<10} {} at best, {} sustained{}\n", name,
                     written(FlopsPerSecond::of(measured.peak())),
                     written(FlopsPerSecond::of(measured.sustained.flop_per_s)),
                     measured.grid ? "" : " (slow here: no table of it)");
}

}  // namespace

std::string calibrate_text(const calibrate::Calibration& calibration) {
  const calibrate::Measured& m = calibration.measured;
  std::string text = fmt::format("{}, {}, {} threads, {}\n\n", m.machine.cpu, m.machine.capability,
                                 m.machine.threads, written(Bytes::of(m.machine.memory_bytes)));
  text += products("fp32", m.fp32) + products("bf16", m.bf16);
  text += fmt::format("  {:<10} {}\n", "precision", spec::name_of(calibration.precision));
  text += fmt::format("  {:<10} copy {}, triad {}\n", "memory",
                      written(BytesPerSecond::of(m.memory.copy_bytes_per_s)),
                      written(BytesPerSecond::of(m.memory.triad_bytes_per_s)));
  text += fmt::format("  {:<10} {}\n", "storage",
                      written(BytesPerSecond::of(m.storage.write_bytes_per_s)));
  text += fmt::format("  {:<10} {} between processes, {} for the smallest message\n", "Gloo",
                      written(BytesPerSecond::of(m.link_bytes_per_s())),
                      written(Seconds::of(m.link_latency_s())));
  text += "\nWritten:\n";
  for (const std::string& file : calibration.files) text += fmt::format("  {}\n", file);
  return text;
}

std::string calibrate_json(const calibrate::Calibration& calibration) {
  const calibrate::Measured& m = calibration.measured;
  const Json json = {{"cpu", m.machine.cpu},
                     {"capability", m.machine.capability},
                     {"threads", m.machine.threads},
                     {"memory_bytes", m.machine.memory_bytes},
                     {"fp32_peak_flop_per_s", m.fp32.peak()},
                     {"fp32_sustained_flop_per_s", m.fp32.sustained.flop_per_s},
                     {"bf16_peak_flop_per_s", m.bf16.peak()},
                     {"bf16_sustained_flop_per_s", m.bf16.sustained.flop_per_s},
                     {"precision", spec::name_of(calibration.precision)},
                     {"memory_copy_bytes_per_s", m.memory.copy_bytes_per_s},
                     {"memory_triad_bytes_per_s", m.memory.triad_bytes_per_s},
                     {"storage_write_bytes_per_s", m.storage.write_bytes_per_s},
                     {"gloo_bytes_per_s", m.link_bytes_per_s()},
                     {"gloo_latency_s", m.link_latency_s()},
                     {"files", calibration.files}};
  return json.dump(2) + "\n";
}

}  // namespace celere::report
