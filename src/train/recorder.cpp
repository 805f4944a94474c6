#include "train/recorder.hpp"

#include <nlohmann/json.hpp>

namespace celere::train {
namespace {

// {"kind":"step", ...the keys of `object`}
std::string line_of(const char* kind, const std::string& object) {
  return std::string(R"({"kind":")") + kind + "\"," + object.substr(1);
}

}  // namespace

Result<Recorder> Recorder::open(Files& files, const Clock& clock,
                                const wire::RunDirectory& directory, Say say) {
  ASSIGN_OR_RETURN(wire::EventLog events, wire::EventLog::open(clock, directory.events()));
  ASSIGN_OR_RETURN(wire::MetricsLog metrics, wire::MetricsLog::open(directory.metrics()));
  ASSIGN_OR_RETURN(wire::TensorBoard board,
                   wire::TensorBoard::open(files, clock, directory.tensorboard()));
  Recorder recorder(clock);
  recorder.logs_.emplace(
      Logs{std::move(events), std::move(metrics), std::move(board), std::move(say)});
  return recorder;
}

void Recorder::step(const wire::StepMetrics& metrics) {
  if (!logs_) return;
  complain(logs_->metrics.append(metrics));
  complain(logs_->board.add(metrics.step, wire::scalars_of(metrics)));
  logs_->say(line_of("step", wire::written_json(metrics)));
}

void Recorder::event(const std::string& name, const std::vector<wire::EventField>& fields,
                     bool durable) {
  if (!logs_) return;
  complain(logs_->events.append(name, fields));
  if (durable) complain(logs_->events.sync());
  logs_->say(
      line_of("event", wire::written_json(wire::Event{written_utc(clock_->wall()), name, fields})));
}

void Recorder::complain(const Status& status) {
  if (status.ok() || complained_) return;
  complained_ = true;
  logs_->say(line_of(
      "event",
      wire::written_json(wire::Event{
          written_utc(clock_->wall()), "log_failed", {{"error", status.error().message}}})));
}

}  // namespace celere::train
