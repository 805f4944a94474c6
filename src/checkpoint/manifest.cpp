#include "checkpoint/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <span>
#include <utility>

#include "checkpoint/checksum.hpp"
#include "wire/json_text.hpp"

namespace celere::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view step_prefix = "step-";
constexpr int step_digits = 9;
constexpr std::string_view checksum_key = "{\"xxh3_128\": \"";
constexpr std::size_t checksum_digits = 32;

std::string checksum_of_text(std::string_view text) {
  return checksum_of(std::as_bytes(std::span(text)));
}

bool is_checksum(std::string_view text) {
  return text.size() == checksum_digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Json json_of(const StoredFile& file) {
  return {{"name", file.name}, {"bytes", file.bytes}, {"xxh3_128", file.checksum}};
}

Json json_of(const StoredTensor& tensor) {
  Json pieces = Json::array();
  for (const Piece& piece : tensor.pieces) {
    Json json = {{"file", piece.file}};
    if (piece.key != tensor.name) json["key"] = piece.key;
    json["offset"] = piece.slice.offset;
    json["extent"] = piece.slice.extent;
    pieces.push_back(std::move(json));
  }
  return {{"name", tensor.name},
          {"dtype", name_of(tensor.dtype)},
          {"shape", tensor.shape},
          {"pieces", std::move(pieces)}};
}

// One item a line.
template <typename Items>
std::string lines_of(const Items& items) {
  std::string out = "[";
  for (const auto& item : items) {
    out += (&item == items.data() ? "\n  " : ",\n  ") + json_of(item).dump();
  }
  return out + "]";
}

// What is wrong with a manifest whatever its text was; empty where nothing is.
std::string problem_of(const Manifest& manifest) {
  if (manifest.step < 0) return fmt::format("step {} is negative", manifest.step);
  std::set<std::string_view> file_names;
  for (const StoredFile& file : manifest.files) {
    if (!is_plain_name(file.name) || file.name == manifest_name) {
      return fmt::format("file \"{}\" is no plain name in the checkpoint's folder", file.name);
    }
    if (!file_names.insert(file.name).second) {
      return fmt::format("file \"{}\" stands twice", file.name);
    }
    if (file.bytes < 0 || !is_checksum(file.checksum)) {
      return fmt::format("file \"{}\" lacks its size or checksum", file.name);
    }
  }
  std::set<std::string_view> names;
  std::set<std::pair<std::size_t, std::string_view>> keys;
  for (const StoredTensor& tensor : manifest.tensors) {
    const auto wrong = [&](const std::string& what) {
      return fmt::format("tensor \"{}\": {}", tensor.name, what);
    };
    if (tensor.name.empty()) return "a tensor has no name";
    if (!names.insert(tensor.name).second) return wrong("stands twice");
    if (!checked_count(tensor.shape, item_size(tensor.dtype))) {
      return wrong(fmt::format("shape {} is not possible", written(tensor.shape)));
    }
    std::vector<Slice> slices;
    for (const Piece& piece : tensor.pieces) {
      if (piece.file >= manifest.files.size()) {
        return wrong(fmt::format("a piece is in file {} of {}", piece.file, manifest.files.size()));
      }
      if (!lies_within(piece.slice, tensor.shape)) {
        return wrong(fmt::format("a piece lies outside its shape {}", written(tensor.shape)));
      }
      if (piece.key.empty() || !keys.emplace(piece.file, piece.key).second) {
        return wrong(fmt::format("\"{}\" is the name of two pieces", piece.key));
      }
      slices.push_back(piece.slice);
    }
    if (!tile(slices, tensor.shape)) {
      return wrong(
          fmt::format("its pieces leave out or hold twice a part of {}", written(tensor.shape)));
    }
  }
  return "";
}

// Reads values out of JSON and remembers the first that is wrong.
class Reader {
 public:
  const nlohmann::json& member(const nlohmann::json& object, const char* key) {
    static const nlohmann::json nothing;
    if (object.is_object()) {
      const auto found = object.find(key);
      if (found != object.end()) return *found;
    }
    wrong(key, "is missing");
    return nothing;
  }

  std::string text(const nlohmann::json& object, const char* key) {
    const nlohmann::json& value = member(object, key);
    if (value.is_string()) return value.get<std::string>();
    wrong(key, "is no text");
    return "";
  }

  std::int64_t number(const nlohmann::json& object, const char* key) {
    const auto value = wire::integer_of_json(member(object, key));
    if (value && *value >= 0) return *value;
    wrong(key, "is no whole number");
    return 0;
  }

  const nlohmann::json& list(const nlohmann::json& object, const char* key) {
    static const nlohmann::json nothing = nlohmann::json::array();
    const nlohmann::json& value = member(object, key);
    if (value.is_array()) return value;
    wrong(key, "is no list");
    return nothing;
  }

  Shape numbers(const nlohmann::json& object, const char* key) {
    Shape out;
    for (const nlohmann::json& item : list(object, key)) {
      const auto value = wire::integer_of_json(item);
      if (!value || *value < 0) wrong(key, "is no list of whole numbers");
      out.push_back(value.value_or(0));
    }
    return out;
  }

  void wrong(const std::string& key, const std::string& what) {
    if (problem_.empty()) problem_ = fmt::format("{}{}: {}", place_, key, what);
  }
  void at(std::string place) { place_ = std::move(place); }
  const std::string& problem() const { return problem_; }

 private:
  std::string place_;  // what stands before a key in messages
  std::string problem_;
};

StoredFile read_file(Reader& reader, const nlohmann::json& json) {
  reader.at("a file's ");
  return {.name = reader.text(json, "name"),
          .bytes = reader.number(json, "bytes"),
          .checksum = reader.text(json, "xxh3_128")};
}

StoredTensor read_tensor(Reader& reader, const nlohmann::json& json) {
  reader.at("a tensor's ");
  StoredTensor tensor;
  tensor.name = reader.text(json, "name");
  reader.at(fmt::format("tensor \"{}\": ", tensor.name));
  const std::string dtype = reader.text(json, "dtype");
  const auto type = data_type_named(dtype);
  if (!type) reader.wrong("dtype", fmt::format("\"{}\" is not known", dtype));
  tensor.dtype = type.value_or(DataType::f32);
  tensor.shape = reader.numbers(json, "shape");
  for (const nlohmann::json& item : reader.list(json, "pieces")) {
    Piece piece;
    piece.file = static_cast<std::size_t>(reader.number(item, "file"));
    piece.key = item.is_object() && item.contains("key") ? reader.text(item, "key") : tensor.name;
    piece.slice.offset = reader.numbers(item, "offset");
    piece.slice.extent = reader.numbers(item, "extent");
    tensor.pieces.push_back(std::move(piece));
  }
  return tensor;
}

State read_state(Reader& reader, const nlohmann::json& json) {
  reader.at("state: ");
  State state;
  if (!json.is_object()) {
    reader.wrong("state", "is no object");
    return state;
  }
  for (const auto& [key, value] : json.items()) {
    if (const auto whole = wire::integer_of_json(value)) {
      state[key] = *whole;
    } else if (value.is_number()) {
      state[key] = value.get<double>();
    } else if (value.is_string()) {
      state[key] = value.get<std::string>();
    } else {
      reader.wrong(key, "is neither a number nor a text");
    }
  }
  return state;
}

Manifest read_manifest(Reader& reader, const nlohmann::json& json) {
  Manifest manifest;
  manifest.step = reader.number(json, "step");
  manifest.about = {.code_version = reader.text(json, "code_version"),
                    .model = reader.text(json, "model"),
                    .inventory = reader.text(json, "inventory"),
                    .layout = reader.text(json, "layout")};
  for (const nlohmann::json& item : reader.list(json, "files")) {
    manifest.files.push_back(read_file(reader, item));
  }
  reader.at("");
  for (const nlohmann::json& item : reader.list(json, "tensors")) {
    manifest.tensors.push_back(read_tensor(reader, item));
  }
  reader.at("");
  manifest.state = read_state(reader, reader.member(json, "state"));
  return manifest;
}

// The first text that JSON cannot hold; empty where there is none.
std::string unwritable(const Manifest& manifest) {
  const About& about = manifest.about;
  for (const std::string* text :
       {&about.code_version, &about.model, &about.inventory, &about.layout}) {
    if (!wire::is_utf8(*text)) return "a text about the checkpoint is not UTF-8";
  }
  for (const StoredTensor& tensor : manifest.tensors) {
    if (!wire::is_utf8(tensor.name)) return "a tensor's name is not UTF-8";
    for (const Piece& piece : tensor.pieces) {
      if (!wire::is_utf8(piece.key)) return "a piece's name is not UTF-8";
    }
  }
  for (const auto& [key, value] : manifest.state) {
    const auto* text = std::get_if<std::string>(&value);
    const auto* number = std::get_if<double>(&value);
    if (!wire::is_utf8(key)) return "a key of the state is not UTF-8";
    if (text != nullptr && !wire::is_utf8(*text)) {
      return fmt::format("state \"{}\" is not UTF-8", key);
    }
    if (number != nullptr && !std::isfinite(*number)) {
      return fmt::format("state \"{}\" is {}", key, *number);
    }
  }
  return "";
}

}  // namespace

const StoredTensor* Manifest::find(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const StoredTensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

std::int64_t Manifest::bytes() const {
  std::int64_t sum = 0;
  for (const StoredFile& file : files) sum += file.bytes;
  return sum;
}

Result<std::string> written_manifest(const Manifest& manifest) {
  std::string problem = unwritable(manifest);
  if (problem.empty()) problem = problem_of(manifest);
  if (!problem.empty()) return bad_input(fmt::format("step {}: {}", manifest.step, problem));
  Json state = Json::object();
  for (const auto& [key, value] : manifest.state) {
    std::visit([&, name = &key](const auto& it) { state[*name] = it; }, value);
  }
  const auto quoted = [](const std::string& text) { return Json(text).dump(); };
  std::string text =
      fmt::format(" \"version\": {},\n \"step\": {},\n", format_version, manifest.step);
  text += fmt::format(" \"code_version\": {},\n \"model\": {},\n \"inventory\": {},\n",
                      quoted(manifest.about.code_version), quoted(manifest.about.model),
                      quoted(manifest.about.inventory));
  text += fmt::format(" \"layout\": {},\n", quoted(manifest.about.layout));
  text += fmt::format(" \"files\": {},\n", lines_of(manifest.files));
  text += fmt::format(" \"tensors\": {},\n", lines_of(manifest.tensors));
  text += fmt::format(" \"state\": {}\n}}\n", state.dump());
  return fmt::format("{}{}\",\n{}", checksum_key, checksum_of_text(text), text);
}

Result<Manifest> parse_manifest(std::string_view text, const std::string& file) {
  const auto corrupt = [&](const std::string& what) {
    return Error{ErrorCode::corrupt, fmt::format("{}: {}", file, what), {}};
  };
  const std::size_t begin = checksum_key.size() + checksum_digits + 3;  // ", and the line's end
  if (text.size() > manifest_bytes_max) {
    return corrupt(fmt::format("{} bytes are too many for a manifest", text.size()));
  }
  if (text.size() < begin || !text.starts_with(checksum_key) ||
      text.substr(begin - 3, 3) != "\",\n") {
    return corrupt("does not begin with its checksum");
  }
  const std::string_view rest = text.substr(begin);
  const std::string_view said = text.substr(checksum_key.size(), checksum_digits);
  if (const std::string is = checksum_of_text(rest); is != said) {
    return corrupt(fmt::format("its checksum is {}, and it says {}", is, said));
  }
  ASSIGN_OR_RETURN(const nlohmann::json json, wire::parse_json(text, file));
  Reader reader;
  const std::int64_t version = reader.number(json, "version");
  if (reader.problem().empty() && version != format_version) {
    return Error{ErrorCode::unsupported,
                 fmt::format("{}: has format version {}; this program reads {}", file, version,
                             format_version),
                 {}};
  }
  Manifest manifest = read_manifest(reader, json);
  std::string problem = reader.problem();
  if (problem.empty()) problem = problem_of(manifest);
  if (!problem.empty()) return corrupt(problem);
  return manifest;
}

std::string written_shard(const Shard& shard) {
  return fmt::format("{{\"file\": {},\n \"tensors\": {}}}\n", json_of(shard.file).dump(),
                     lines_of(shard.tensors));
}

Result<Shard> parse_shard(std::string_view text) {
  ASSIGN_OR_RETURN(const nlohmann::json json, wire::parse_json(text, "a shard's list"));
  Reader reader;
  Shard shard;
  shard.file = read_file(reader, reader.member(json, "file"));
  reader.at("");
  for (const nlohmann::json& item : reader.list(json, "tensors")) {
    shard.tensors.push_back(read_tensor(reader, item));
  }
  if (!reader.problem().empty()) {
    return Error{ErrorCode::corrupt, "a shard's list: " + reader.problem(), {}};
  }
  return shard;
}

std::string folder_name_of_step(std::int64_t step) {
  return fmt::format("{}{:0{}}", step_prefix, step, step_digits);
}

std::optional<std::int64_t> step_of_folder_name(std::string_view name) {
  if (!name.starts_with(step_prefix)) return std::nullopt;
  name.remove_prefix(step_prefix.size());
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  // One name a step: "step-7" is none of ours.
  if (step < 0 || folder_name_of_step(step).substr(step_prefix.size()) != name) return std::nullopt;
  return step;
}

bool is_plain_name(std::string_view name) {
  constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !name.empty() && name.size() <= 200 && name.front() != '.' &&
         name.find_first_not_of(letters) == std::string_view::npos;
}

}  // namespace celere::checkpoint
