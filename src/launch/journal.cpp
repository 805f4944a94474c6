#include "launch/journal.hpp"

namespace celere::launch {
namespace {

constexpr std::size_t last_max = 16;

// {"kind":"event",...}: as a worker says it.
std::string as_message(const std::string& json) { return "{\"kind\":\"event\"," + json.substr(1); }

const wire::EventValue* find(const wire::Event& event, const std::string& key) {
  for (const auto& [name, value] : event.fields) {
    if (name == key) return &value;
  }
  return nullptr;
}

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

void Journal::pass_on(const wire::Event& event, bool durable) {
  last_.push_back(event);
  if (last_.size() > last_max) last_.erase(last_.begin());
  const std::string json = written_json(event);
  complain(file_.append(json + "\n"));
  if (durable) complain(file_.sync());
  say_(as_message(json));
}

std::string text_of(const wire::Event& event, const std::string& key) {
  const wire::EventValue* value = find(event, key);
  const auto* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  return text != nullptr ? *text : "";
}

bool is_true(const wire::Event& event, const std::string& key) {
  const wire::EventValue* value = find(event, key);
  const auto* truth = value != nullptr ? std::get_if<bool>(value) : nullptr;
  return truth != nullptr && *truth;
}

std::optional<std::int64_t> number_of(const wire::Event& event, const std::string& key) {
  const wire::EventValue* value = find(event, key);
  const auto* number = value != nullptr ? std::get_if<std::int64_t>(value) : nullptr;
  return number != nullptr ? std::optional(*number) : std::nullopt;
}

}  // namespace celere::launch
