// Whatever the bytes: a scenario is read or refused with a message, and what is read makes a
// schedule that gives each fault once, in order, for a ground that it fits.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "spec/fault_schedule.hpp"
#include "spec/scenario.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere::spec;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto scenario = parse_scenario(text, "fuzz.toml");
  if (!scenario.ok()) {
    CHECK(!scenario.error().message.empty());
    return 0;
  }
  CHECK(!scenario->faults.empty());
  const FaultGround ground{.ranks = 16, .nodes = 4};
  const auto fit = fits(*scenario, ground);
  if (!fit.ok()) {
    CHECK(!fit.error().message.empty());
    return 0;
  }
  FaultSchedule schedule(*scenario, scenario->seed.value_or(1), ground);
  std::vector<std::int64_t> seen(scenario->faults.size(), 0);
  for (int look = 1; look <= 3; ++look) {
    for (const DueFault& due : schedule.due(celere::Seconds::of(1e4 * look), 1000 * look)) {
      CHECK_EQ(due.number, ++seen[due.fault]);
      CHECK(!due.rank || (*due.rank >= 0 && *due.rank < ground.ranks));
      CHECK(!due.node || (*due.node >= 0 && *due.node < ground.nodes));
      CHECK(due.time.has_value() != due.step.has_value());
      CHECK(!told(due, schedule.fault_of(due)).empty());
    }
  }
  CHECK(schedule.given() == seen);
  FaultSchedule second(*scenario, scenario->seed.value_or(1), ground);
  second.resume(seen);
  CHECK(second.due(celere::Seconds::of(1e5), 9000) == schedule.due(celere::Seconds::of(1e5), 9000));
  return 0;
}
