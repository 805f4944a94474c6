#include "infer/answer_json.hpp"

#include <nlohmann/json.hpp>

namespace celere::infer {
namespace {

using Json = nlohmann::ordered_json;

std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string written_json(const LoadedModel& model, std::string_view question,
                         const Answer& answer) {
  return line({{"question", question},
               {"answer", answer.text},
               {"tokens", answer.tokens.size()},
               {"tokens_per_s", answer.tokens_per_s()},
               {"first_token_time_s", answer.first_token_time.in_base()},
               {"stop", name_of(answer.stop)},
               {"checkpoint", model.checkpoint},
               {"step", model.step}});
}

std::string written_json(const LoadedModel& model, const Recall& recall) {
  Json misses = Json::array();
  for (const Miss& miss : recall.misses) {
    misses.push_back(
        {{"question", miss.question}, {"expected", miss.expected}, {"answer", miss.given}});
  }
  return line({{"recall", recall.share()},
               {"exact", recall.exact},
               {"asked", recall.asked},
               {"time_s", recall.time.in_base()},
               {"checkpoint", model.checkpoint},
               {"step", model.step},
               {"misses", misses}});
}

}  // namespace celere::infer
