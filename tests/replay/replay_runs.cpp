// replay_runs RUN_DIRECTORY...: each training is replayed (life/replay.hpp), with the times that
// were measured in its own log and, where there are several, with those of the others. A line of
// JSON each.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "life/replay.hpp"

namespace celere::life {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::vector<Deed>& deeds) {
  Json out = Json::array();
  for (const Deed& deed : deeds) out.push_back(written(deed));
  return out;
}

Json json_of(const LifeReplay& life) {
  Json interruptions = Json::array();
  for (const Interruption& one : life.interruptions) {
    interruptions.push_back({{"why", one.why},
                             {"step", one.step},
                             {"real_s", one.real.in_base()},
                             {"simulated_s", one.simulated.in_base()}});
  }
  return {{"struck", life.struck},
          {"not_simulated", life.not_simulated},
          {"agrees", !life.parted.has_value()},
          {"real", json_of(life.real)},
          {"simulated", json_of(life.simulated)},
          {"from_apart_max_steps", life.from_apart_max},
          {"interruptions", interruptions},
          {"until_step", life.until},
          {"real_time_s", life.real_time.in_base()},
          {"simulated_time_s", life.simulated_time.in_base()}};
}

Json json_of(const DecisionReplay& decisions) {
  Json out = {{"told", decisions.told},
              {"decisions", decisions.decisions},
              {"supervisors", decisions.supervisors},
              {"forgotten", decisions.forgotten},
              {"agrees", !decisions.parting.has_value()}};
  if (decisions.parting) {
    out["parting"] = {{"time", decisions.parting->time},
                      {"told", decisions.parting->told},
                      {"logged", decisions.parting->logged},
                      {"decided", decisions.parting->decided}};
  }
  return out;
}

Result<Json> replayed(const Files& files, const wire::RunDirectory& run,
                      const std::vector<wire::RunDirectory>& others) {
  ASSIGN_OR_RETURN(const Replayed own, replay(files, run));
  Json line = {
      {"run", run.folder}, {"decisions", json_of(own.decisions)}, {"life", json_of(own.life)}};
  if (others.empty()) return line;
  ASSIGN_OR_RETURN(const LifeReplay life, replay_life(files, run, others));
  line["life_on_times_of_others"] = json_of(life);
  return line;
}

// Errors are said, and the exit code is 1.
int replay_all(const std::vector<wire::RunDirectory>& runs) {
  const auto files = local_files();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::vector<wire::RunDirectory> others = runs;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    const Result<Json> line = replayed(*files, runs[i], others);
    if (!line.ok()) {
      std::fprintf(stderr, "%s\n", line.error().text().c_str());
      return 1;
    }
    std::puts(line->dump().c_str());
  }
  return 0;
}

}  // namespace
}  // namespace celere::life

int main(int argc, char** argv) {
  std::vector<celere::wire::RunDirectory> runs;
  for (int i = 1; i < argc; ++i) runs.push_back({argv[i]});
  return celere::life::replay_all(runs);
}
