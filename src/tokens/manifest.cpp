#include "tokens/manifest.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace celere::tokens {
namespace {

using Json = nlohmann::ordered_json;
constexpr int version = 1;

Json shards_json(const std::vector<ShardEntry>& shards) {
  Json list = Json::array();
  for (const ShardEntry& shard : shards) {
    list.push_back({{"name", shard.name},
                    {"documents", shard.documents},
                    {"tokens", shard.tokens},
                    {"bin_bytes", shard.bin_bytes},
                    {"idx_bytes", shard.idx_bytes},
                    {"bin_xxh128", shard.bin_hash},
                    {"idx_xxh128", shard.idx_hash}});
  }
  return list;
}

Json source_json(const SourceEntry& source) {
  Json files = Json::array(), dropped = Json::object(), editions = Json::array();
  for (const SourceFile& file : source.files) {
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"xxh128", file.hash}});
  }
  for (std::size_t i = 0; i < dropped_count; ++i) {
    dropped[name_of(static_cast<Dropped>(i))] = source.counts.dropped[i];
  }
  for (const auto& edition : source.training) editions.push_back(shards_json(edition));
  Json json = {{"name", source.name}, {"kind", source.kind}};
  json["weight"] = source.weight ? Json(*source.weight) : Json(nullptr);
  json["files"] = files;
  json["documents_kept"] = source.counts.kept;
  json["documents_dropped"] = dropped;
  json["text_bytes"] = source.text_bytes;
  json["training"] = editions;
  json["validation"] = shards_json(source.validation);
  return json;
}

// Reads members of objects; the first that is missing or of another kind is remembered by name.
class Reader {
 public:
  std::string text(const Json& object, const char* key) {
    const Json* found = find(object, key);
    if (found != nullptr && found->is_string()) return found->get<std::string>();
    return fail(key), "";
  }
  std::uint64_t number(const Json& object, const char* key) {
    const Json* found = find(object, key);
    if (found != nullptr && found->is_number_unsigned()) return found->get<std::uint64_t>();
    return fail(key), 0;
  }
  const Json& list(const Json& object, const char* key) {
    const Json* found = find(object, key);
    if (found != nullptr && found->is_array()) return *found;
    return fail(key), nothing_;
  }
  const Json& object(const Json& of, const char* key) {
    const Json* found = find(of, key);
    if (found != nullptr && found->is_object()) return *found;
    return fail(key), nothing_;
  }
  void fail(const char* key) {
    if (wrong_.empty()) wrong_ = key;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  static const Json* find(const Json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }
  Json nothing_ = Json::array();
  std::string wrong_;
};

std::vector<ShardEntry> read_shards(Reader& reader, const Json& list) {
  std::vector<ShardEntry> shards;
  if (!list.is_array()) reader.fail("training");
  for (const Json& one : list) {
    ShardEntry shard{.name = reader.text(one, "name"),
                     .documents = reader.number(one, "documents"),
                     .tokens = reader.number(one, "tokens"),
                     .bin_bytes = reader.number(one, "bin_bytes"),
                     .idx_bytes = reader.number(one, "idx_bytes"),
                     .bin_hash = reader.text(one, "bin_xxh128"),
                     .idx_hash = reader.text(one, "idx_xxh128")};
    if (shard.name.empty() || shard.name.find('/') != std::string::npos) reader.fail("name");
    shards.push_back(std::move(shard));
  }
  return shards;
}

SourceEntry read_source(Reader& reader, const Json& json) {
  SourceEntry source;
  source.name = reader.text(json, "name");
  source.kind = reader.text(json, "kind");
  const Json weight = json.is_object() && json.contains("weight") ? json["weight"] : Json(nullptr);
  if (weight.is_number()) {
    source.weight = weight.get<double>();
    if (!(*source.weight > 0) || *source.weight > 1e12) reader.fail("weight");
  } else if (!weight.is_null()) {
    reader.fail("weight");
  }
  for (const Json& file : reader.list(json, "files")) {
    source.files.push_back({.path = reader.text(file, "path"),
                            .bytes = reader.number(file, "bytes"),
                            .hash = reader.text(file, "xxh128")});
  }
  source.counts.kept = reader.number(json, "documents_kept");
  const Json& dropped = reader.object(json, "documents_dropped");
  for (std::size_t i = 0; i < dropped_count; ++i) {
    source.counts.dropped[i] = reader.number(dropped, name_of(static_cast<Dropped>(i)));
  }
  source.text_bytes = reader.number(json, "text_bytes");
  for (const Json& edition : reader.list(json, "training")) {
    source.training.push_back(read_shards(reader, edition));
  }
  if (source.training.empty()) reader.fail("training");
  source.validation = read_shards(reader, reader.list(json, "validation"));
  return source;
}

Status same_bytes(const std::string& path, const std::string& hash) {
  ASSIGN_OR_RETURN(const Mmap file, Mmap::open(path));
  if (written(hash128(file.bytes())) == hash) return Done{};
  return Error{ErrorCode::corrupt,
               fmt::format("{}: has other bytes than when the corpus was made", path),
               {}};
}

}  // namespace

std::uint64_t tokens_of(const std::vector<ShardEntry>& shards) {
  std::uint64_t sum = 0;
  for (const ShardEntry& shard : shards) sum += shard.tokens;
  return sum;
}

std::uint64_t documents_of(const std::vector<ShardEntry>& shards) {
  std::uint64_t sum = 0;
  for (const ShardEntry& shard : shards) sum += shard.documents;
  return sum;
}

std::string written_manifest(const Manifest& manifest) {
  Json json = {{"version", version},
               {"made_from", manifest.made_from},
               {"seed", manifest.seed},
               {"tokenizer",
                {{"folder", tokenizer_folder},
                 {"hash", manifest.tokenizer_hash},
                 {"vocabulary", manifest.vocabulary}}},
               {"filters", manifest.filters},
               {"sources", Json::array()}};
  for (const SourceEntry& source : manifest.sources) json["sources"].push_back(source_json(source));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text, const std::string& path) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return Error{ErrorCode::corrupt, fmt::format("{}: is no JSON object", path), {}};
  }
  Reader reader;
  const std::uint64_t found = reader.number(json, "version");
  if (reader.wrong().empty() && found != version) {
    return Error{ErrorCode::unsupported,
                 fmt::format("{}: is of version {}, and {} is known here: build the corpus again",
                             path, found, version),
                 {}};
  }
  Manifest manifest;
  manifest.made_from = reader.text(json, "made_from");
  manifest.seed = reader.number(json, "seed");
  const Json& tokenizer = reader.object(json, "tokenizer");
  manifest.tokenizer_hash = reader.text(tokenizer, "hash");
  const std::uint64_t vocabulary = reader.number(tokenizer, "vocabulary");
  if (vocabulary < 1 || vocabulary > std::numeric_limits<std::int32_t>::max()) {
    reader.fail("vocabulary");
  }
  manifest.vocabulary = static_cast<std::int32_t>(vocabulary);
  manifest.filters = reader.text(json, "filters");
  for (const Json& source : reader.list(json, "sources")) {
    manifest.sources.push_back(read_source(reader, source));
  }
  if (manifest.sources.empty()) reader.fail("sources");
  if (!reader.wrong().empty()) {
    return Error{ErrorCode::corrupt,
                 fmt::format("{}: \"{}\" is missing or wrong", path, reader.wrong()),
                 {}};
  }
  return manifest;
}

Result<Manifest> read_manifest(const Files& files, const std::string& folder) {
  const std::string path = folder + "/" + manifest_file;
  auto text = files.read(path);
  if (!text.ok() && text.error().code == ErrorCode::not_found) {
    return Error{ErrorCode::not_found,
                 fmt::format("{} holds no corpus (no {}): make one with `celere data build`",
                             folder, manifest_file),
                 {}};
  }
  if (!text.ok()) return std::move(text).error();
  return parse_manifest(*text, path);
}

Status verify_shards(const std::string& folder, const Manifest& manifest) {
  for (const SourceEntry& source : manifest.sources) {
    std::vector<ShardEntry> shards = source.validation;
    for (const auto& edition : source.training) {
      shards.insert(shards.end(), edition.begin(), edition.end());
    }
    for (const ShardEntry& shard : shards) {
      RETURN_IF_ERROR(same_bytes(folder + "/" + shard.name + ".bin", shard.bin_hash));
      RETURN_IF_ERROR(same_bytes(folder + "/" + shard.name + ".idx", shard.idx_hash));
    }
  }
  return Done{};
}

}  // namespace celere::tokens
