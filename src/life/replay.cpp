#include "life/replay.hpp"

namespace celere::life {

Result<Replayed> replay(const Files& files, const wire::RunDirectory& directory,
                        const std::vector<wire::RunDirectory>& times_from) {
  const std::string doing = "replaying " + directory.events();
  ASSIGN_OR_RETURN(const auto log, wire::read_events(files, directory.events()));
  ASSIGN_OR_RETURN(DecisionReplay decisions, replay_decisions(log).during(doing));
  ASSIGN_OR_RETURN(const RunLog run, read_run_log(log).during(doing));
  TimesMeasured measured;
  if (times_from.empty()) measured.add(run);
  for (const wire::RunDirectory& other : times_from) {
    ASSIGN_OR_RETURN(const auto lines, wire::read_events(files, other.events()));
    ASSIGN_OR_RETURN(const RunLog one, read_run_log(lines).during("measuring " + other.events()));
    measured.add(one);
  }
  ASSIGN_OR_RETURN(LifeReplay life, replay_life(run, measured.times()).during(doing));
  return Replayed{std::move(decisions), std::move(life)};
}

std::vector<double> errors_of(const LifeReplay& life) {
  std::vector<double> out;
  for (const Interruption& one : life.interruptions) {
    out.push_back(one.simulated / one.real - 1);
  }
  return out;
}

}  // namespace celere::life
