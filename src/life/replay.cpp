#include "life/replay.hpp"

namespace celere::life {

Result<Replayed> replay(const Files& files, const wire::RunDirectory& directory) {
  const std::string doing = "replaying " + directory.events();
  ASSIGN_OR_RETURN(const auto log, wire::read_events(files, directory.events()));
  ASSIGN_OR_RETURN(DecisionReplay decisions, replay_decisions(log).during(doing));
  ASSIGN_OR_RETURN(const RunLog run, read_run_log(log).during(doing));
  TimesMeasured measured;
  measured.add(run);
  ASSIGN_OR_RETURN(LifeReplay life, replay_life(run, measured.times()).during(doing));
  return Replayed{std::move(decisions), std::move(life)};
}

Result<LifeReplay> replay_life(const Files& files, const wire::RunDirectory& directory,
                               const std::vector<wire::RunDirectory>& times_from) {
  const auto run_log_of = [&](const wire::RunDirectory& of, const char* doing) -> Result<RunLog> {
    ASSIGN_OR_RETURN(const auto log, wire::read_events(files, of.events()));
    return read_run_log(log).during(doing + of.events());
  };
  TimesMeasured measured;
  for (const wire::RunDirectory& other : times_from) {
    ASSIGN_OR_RETURN(const RunLog one, run_log_of(other, "measuring "));
    measured.add(one);
  }
  ASSIGN_OR_RETURN(const RunLog run, run_log_of(directory, "replaying "));
  return replay_life(run, measured.times()).during("replaying " + directory.events());
}

}  // namespace celere::life
