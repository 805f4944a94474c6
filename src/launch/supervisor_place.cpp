#include "launch/supervisor_place.hpp"

#include <fmt/format.h>

#include "wire/json_text.hpp"

namespace celere::launch {

Result<SupervisorPlace> read_supervisor(const Files& files, const wire::RunDirectory& directory) {
  const std::string path = directory.supervisor();
  ASSIGN_OR_RETURN(const std::string content, files.read(path));
  ASSIGN_OR_RETURN(const nlohmann::json json, wire::parse_json(content, path));
  const auto number = [&](const char* key) -> std::optional<std::int64_t> {
    return json.is_object() && json.contains(key) ? wire::integer_of_json(json[key]) : std::nullopt;
  };
  const auto port = number("port"), epoch = number("epoch"), process = number("process");
  const bool named = json.is_object() && json.contains("address") && json["address"].is_string();
  if (!port || !epoch || !process || !named || *port < 0 || *port > 65535) {
    return Error{ErrorCode::corrupt, path + ": is not what a supervisor writes", {}};
  }
  return SupervisorPlace{
      {json["address"].get<std::string>(), static_cast<int>(*port)}, *epoch, *process};
}

Status write_supervisor(Files& files, const wire::RunDirectory& directory,
                        const SupervisorPlace& place) {
  nlohmann::ordered_json json;
  json["address"] = place.address.host;
  json["port"] = place.address.port;
  json["epoch"] = place.epoch;
  json["process"] = place.process;
  return files.write(directory.supervisor(), json.dump() + "\n");
}

}  // namespace celere::launch
