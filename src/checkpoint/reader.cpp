#include "checkpoint/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace celere::checkpoint {
namespace {

constexpr int mistakes_max = 10;

}  // namespace

std::vector<Committed> committed(const Storage& storage, const std::string& checkpoints) {
  std::vector<Committed> out;
  for (const std::string& name : storage.files().list(checkpoints)) {
    const std::optional<std::int64_t> step = step_of_folder_name(name);
    const std::string folder = fmt::format("{}/{}", checkpoints, name);
    if (!step || !storage.files().exists(fmt::format("{}/{}", folder, manifest_name))) continue;
    out.push_back({*step, folder});
  }
  std::sort(out.begin(), out.end(),
            [](const Committed& a, const Committed& b) { return a.step > b.step; });
  return out;
}

Status Checkpoint::compare(std::span<const Expected> expected, Extras extras) const {
  std::vector<std::string> mistakes;
  std::map<std::string_view, const Expected*> wanted;
  for (const Expected& one : expected) {
    wanted[one.name] = &one;
    const auto found = places_.find(one.name);
    if (found == places_.end()) {
      mistakes.push_back(fmt::format("\"{}\" is missing", one.name));
      continue;
    }
    const StoredTensor& tensor = manifest_.tensors[found->second];
    if (tensor.dtype != one.dtype || tensor.shape != one.shape) {
      mistakes.push_back(fmt::format("\"{}\" is {} {}, and {} {} is needed", one.name,
                                     name_of(tensor.dtype), written(tensor.shape),
                                     name_of(one.dtype), written(one.shape)));
    }
  }
  for (const StoredTensor& tensor : manifest_.tensors) {
    if (extras == Extras::refused && !wanted.contains(tensor.name)) {
      mistakes.push_back(fmt::format("\"{}\" is not needed", tensor.name));
    }
  }
  if (mistakes.empty()) return Done{};
  std::string text =
      fmt::format("{}: a checkpoint of model {} that does not fit ({} of {} tensors):", folder_,
                  manifest_.about.model, mistakes.size(), manifest_.tensors.size());
  for (std::size_t i = 0; i < mistakes.size(); ++i) {
    if (i == mistakes_max) {
      text += fmt::format("\n  and {} more", mistakes.size() - i);
      break;
    }
    text += "\n  " + mistakes[i];
  }
  return bad_input(text);
}

Status Checkpoint::read(std::string_view name, const Slice& slice,
                        std::span<std::byte> into) const {
  const auto found = places_.find(name);
  if (found == places_.end()) {
    return Error{ErrorCode::not_found, fmt::format("{}: has no tensor \"{}\"", folder_, name), {}};
  }
  const StoredTensor& tensor = manifest_.tensors[found->second];
  const std::size_t size = item_size(tensor.dtype);
  if (!lies_within(slice, tensor.shape)) {
    return bad_input(fmt::format("{}: tensor \"{}\": the slice lies outside its shape {}", folder_,
                                 name, written(tensor.shape)));
  }
  const std::size_t needed = static_cast<std::size_t>(count(slice.extent)) * size;
  if (into.size() != needed) {
    return bad_input(fmt::format("{}: tensor \"{}\": {} of it takes {} bytes, and {} were given",
                                 folder_, name, written(slice), needed, into.size()));
  }
  for (const Piece& piece : tensor.pieces) {
    const std::optional<Slice> both = intersection(piece.slice, slice);
    if (!both) continue;
    const std::optional<SafetensorsFile>& file = files_[piece.file];
    if (!file) {
      return bad_input(fmt::format("{}: tensor \"{}\": {} of it is not what was wanted", folder_,
                                   name, written(slice)));
    }
    const std::span<const std::byte> bytes = file->bytes(*file->find(piece.key));
    copy_box(*both, {piece.slice, bytes.data()}, {slice, into.data()}, size);
  }
  return Done{};
}

Status Checkpoint::read(std::string_view name, std::span<std::byte> into) const {
  const auto found = places_.find(name);
  const Shape shape = found == places_.end() ? Shape{} : manifest_.tensors[found->second].shape;
  return read(name, whole(shape), into);
}

namespace {

// The value of a key, or why there is none.
template <typename Value>
Result<Value> state_of(const Checkpoint& checkpoint, const std::string& key, const char* kind) {
  const State& state = checkpoint.manifest().state;
  const auto found = state.find(key);
  const std::string place = fmt::format("{}/{}", checkpoint.folder(), manifest_name);
  if (found == state.end()) {
    return corrupt(place, fmt::format("state \"{}\": is missing", key));
  }
  const Value* value = std::get_if<Value>(&found->second);
  if (value == nullptr) return corrupt(place, fmt::format("state \"{}\": is no {}", key, kind));
  return *value;
}

}  // namespace

Result<std::int64_t> Checkpoint::state_integer(const std::string& key) const {
  return state_of<std::int64_t>(*this, key, "whole number");
}

Result<double> Checkpoint::state_number(const std::string& key) const {
  if (auto whole_number = state_of<std::int64_t>(*this, key, "number"); whole_number.ok()) {
    return static_cast<double>(*whole_number);
  }
  return state_of<double>(*this, key, "number");
}

Result<std::string> Checkpoint::state_text(const std::string& key) const {
  return state_of<std::string>(*this, key, "text");
}

}  // namespace celere::checkpoint
