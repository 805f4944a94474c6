#include "life/causes.hpp"

namespace celere::life {
namespace {

struct Row {
  const char* name;
  Effect effect;
  int count;
};
constexpr Row rows[] = {
    {"GPU", Effect::lost, 148},
    {"GPU memory (HBM)", Effect::lost, 72},
    {"software", Effect::crash, 54},
    {"network switch or cable", Effect::hang, 35},
    {"host maintenance", Effect::lost, 32},
    {"GPU memory (SRAM)", Effect::lost, 19},
    {"GPU system processor", Effect::lost, 17},
    {"NIC", Effect::lost, 7},
    {"watchdog", Effect::hang, 7},
    {"silent corruption", Effect::silent, 6},
    {"GPU temperature", Effect::lost, 6},
    {"SSD", Effect::lost, 3},
    {"power supply", Effect::lost, 3},
    {"chassis", Effect::lost, 2},
    {"IO board", Effect::lost, 2},
    {"dependency", Effect::crash, 2},
    {"CPU", Effect::lost, 2},
    {"host memory", Effect::lost, 2},
};

}  // namespace

std::vector<Cause> llama3_causes(PerSecond rate, const CauseTimes& times) {
  int all = 0;
  for (const Row& row : rows) all += row.count;
  std::vector<Cause> out;
  for (const Row& row : rows) {
    Cause cause{.name = row.name, .effect = row.effect};
    cause.rate = rate * (static_cast<double>(row.count) / all);
    cause.detect = times.detect;
    cause.localise = times.localise;
    cause.repair = times.repair;
    out.push_back(cause);
  }
  return out;
}

}  // namespace celere::life
