#include "launch/journal.hpp"

namespace celere::launch {
namespace {

constexpr std::size_t last_max = 16;

// {"kind":"event",...}: as a worker says it.
std::string as_message(const std::string& json) { return "{\"kind\":\"event\"," + json.substr(1); }

}  // namespace

Result<Journal> Journal::open(const Clock& clock, const std::string& path, Say say) {
  ASSIGN_OR_RETURN(wire::AppendFile file, wire::AppendFile::lines(path));
  return Journal(clock, std::move(file), std::move(say));
}

void Journal::complain(const Status& status) {
  if (status.ok() || complained_) return;
  complained_ = true;
  const wire::Event event{
      written_utc(clock_->wall()), "log_failed", {{"error", status.error().message}}};
  say_(as_message(written_json(event)));
}

void Journal::tell(const std::string& event, std::vector<wire::EventField> fields, bool durable) {
  pass_on({written_utc(clock_->wall()), event, std::move(fields)}, durable);
}

void Journal::record(const std::string& event, std::vector<wire::EventField> fields) {
  append({written_utc(clock_->wall()), event, std::move(fields)});
}

std::string Journal::append(const wire::Event& event) {
  std::string json = written_json(event);
  complain(file_.append(json + "\n"));
  return json;
}

void Journal::pass_on(const wire::Event& event, bool durable) {
  last_.push_back(event);
  if (last_.size() > last_max) last_.erase(last_.begin());
  const std::string json = append(event);
  if (durable) complain(file_.sync());
  say_(as_message(json));
}

}  // namespace celere::launch
