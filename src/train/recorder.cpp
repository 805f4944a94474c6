#include "train/recorder.hpp"

#include <nlohmann/json.hpp>

namespace celere::train {
namespace {

// {"kind":"step", ...the keys of `object`}
std::string line_of(const char* kind, const std::string& object) {
  return std::string(R"({"kind":")") + kind + "\"," + object.substr(1);
}

}  // namespace

Result<Recorder::Metrics> Recorder::open_metrics(Files& files, const Clock& clock,
                                                 const wire::RunDirectory& directory) {
  ASSIGN_OR_RETURN(wire::MetricsLog log, wire::MetricsLog::open(directory.metrics()));
  ASSIGN_OR_RETURN(wire::TensorBoard board,
                   wire::TensorBoard::open(files, clock, directory.tensorboard()));
  return Metrics{std::move(log), std::move(board)};
}

Result<Recorder> Recorder::open(Files& files, const Clock& clock,
                                const wire::RunDirectory& directory, Say say) {
  Recorder recorder(clock);
  ASSIGN_OR_RETURN(recorder.events_, wire::EventLog::open(clock, directory.events()));
  ASSIGN_OR_RETURN(recorder.metrics_, open_metrics(files, clock, directory));
  recorder.say_ = std::move(say);
  return recorder;
}

Result<Recorder> Recorder::supervised(Files& files, const Clock& clock,
                                      const wire::RunDirectory& directory, bool first, Say say) {
  Recorder recorder(clock);
  recorder.first_ = first;
  if (first) {
    ASSIGN_OR_RETURN(recorder.metrics_, open_metrics(files, clock, directory));
  }
  recorder.say_ = std::move(say);
  return recorder;
}

void Recorder::step(const wire::StepMetrics& metrics) {
  if (!metrics_) return;
  complain(metrics_->log.append(metrics));
  complain(metrics_->board.add(metrics.step, wire::scalars_of(metrics)));
  say_(line_of("step", wire::written_json(metrics)));
}

void Recorder::event(const std::string& name, const std::vector<wire::EventField>& fields,
                     bool durable) {
  if (!say_ || !first_) return;
  if (events_) complain(events_->append(name, fields));
  if (events_ && durable) complain(events_->sync());
  own_event(name, fields);
}

void Recorder::own_event(const std::string& name, const std::vector<wire::EventField>& fields) {
  if (!say_) return;
  say_(
      line_of("event", wire::written_json(wire::Event{written_utc(clock_->wall()), name, fields})));
}

void Recorder::complain(const Status& status) {
  if (status.ok() || complained_) return;
  complained_ = true;
  own_event("log_failed", {{"error", status.error().message}});
}

}  // namespace celere::train
