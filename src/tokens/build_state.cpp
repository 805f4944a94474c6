#include "tokens/build_state.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace celere::tokens {
namespace {

using Json = nlohmann::ordered_json;

bool text(const Json& object, const char* key, std::string& out) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_string()) return false;
  out = object[key].get<std::string>();
  return true;
}
bool number(const Json& object, const char* key, std::uint64_t& out) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_number_unsigned()) {
    return false;
  }
  out = object[key].get<std::uint64_t>();
  return true;
}
bool is_list(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_array();
}

bool read_source(const Json& json, ReadResult& source) {
  if (!is_list(json, "files") || !json.contains("dropped")) return false;
  for (const Json& one : json["files"]) {
    SourceFile file;
    if (!text(one, "path", file.path) || !number(one, "bytes", file.bytes) ||
        !text(one, "xxh128", file.hash)) {
      return false;
    }
    source.files.push_back(std::move(file));
  }
  for (std::size_t i = 0; i < dropped_count; ++i) {
    if (!number(json["dropped"], name_of(static_cast<Dropped>(i)), source.counts.dropped[i])) {
      return false;
    }
  }
  return true;
}

bool read(const Json& json, BuildState& state) {
  if (!text(json, "made_from", state.made_from) || !is_list(json, "buckets") ||
      !is_list(json, "sources")) {
    return false;
  }
  for (const Json& one : json["buckets"]) {
    BucketEntry& entry = state.buckets.emplace_back();
    if (!number(one, "bytes", entry.bytes) || !text(one, "xxh128", entry.hash)) return false;
  }
  for (const Json& one : json["sources"]) {
    if (!read_source(one, state.sources.emplace_back())) return false;
  }
  return !state.buckets.empty() && !state.sources.empty();
}

}  // namespace

std::string written_state(const BuildState& state) {
  Json json = {
      {"made_from", state.made_from}, {"buckets", Json::array()}, {"sources", Json::array()}};
  for (const BucketEntry& bucket : state.buckets) {
    json["buckets"].push_back({{"bytes", bucket.bytes}, {"xxh128", bucket.hash}});
  }
  for (const ReadResult& source : state.sources) {
    Json files = Json::array(), dropped = Json::object();
    for (const SourceFile& file : source.files) {
      files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"xxh128", file.hash}});
    }
    for (std::size_t i = 0; i < dropped_count; ++i) {
      dropped[name_of(static_cast<Dropped>(i))] = source.counts.dropped[i];
    }
    json["sources"].push_back({{"files", files}, {"dropped", dropped}});
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<BuildState> parse_state(std::string_view bytes, const std::string& path) {
  BuildState state;
  const Json json = Json::parse(bytes, nullptr, false);
  if (read(json, state)) return state;
  return Error{ErrorCode::corrupt, fmt::format("{}: is no state of a build", path), {}};
}

}  // namespace celere::tokens
