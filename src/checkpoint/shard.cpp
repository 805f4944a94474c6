#include "checkpoint/shard.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "checkpoint/safetensors.hpp"
#include "wire/json_text.hpp"

namespace celere::checkpoint {
namespace {

// The names of views in their file: the tensor's own for its first piece, "NAME#2" for its second.
std::vector<std::string> keys_of(std::span<const TensorView> views) {
  std::set<std::string> taken;
  for (const TensorView& view : views) taken.insert(view.name);
  std::set<std::string_view> seen;
  std::vector<std::string> keys;
  for (const TensorView& view : views) {
    std::string key = view.name;
    if (!seen.insert(view.name).second) {
      for (int number = 2; !taken.insert(key = fmt::format("{}#{}", view.name, number)).second;) {
        ++number;
      }
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

// A name that no file of the folder has: a step that is saved again does not touch what holds now.
std::string free_name(const Files& files, const std::string& folder, int rank) {
  std::string name = fmt::format("rank-{:05}.safetensors", rank);
  for (int attempt = 2; files.exists(fmt::format("{}/{}", folder, name)); ++attempt) {
    name = fmt::format("rank-{:05}-{}.safetensors", rank, attempt);
  }
  return name;
}

bool is_ours(std::string_view name) {
  return name.ends_with(".safetensors") ||
         (name.starts_with(manifest_name) && name.ends_with(".part"));
}

}  // namespace

Status check_views(std::span<const TensorView> views) {
  std::map<std::string_view, const TensorView*> first;
  for (const TensorView& view : views) {
    const auto wrong = [&](const std::string& what) {
      return bad_input(fmt::format("tensor \"{}\": {}", view.name, what));
    };
    if (view.name.empty()) return bad_input("a tensor has no name");
    if (!wire::is_utf8(view.name)) return wrong("its name is not UTF-8");
    if (view.name == "__metadata__") return wrong("is a name that the format keeps for itself");
    const std::size_t size = item_size(view.dtype);
    if (!checked_count(view.shape, size)) {
      return wrong(fmt::format("shape {} is not possible", written(view.shape)));
    }
    if (!lies_within(view.slice, view.shape)) {
      return wrong(fmt::format("its slice lies outside its shape {}", written(view.shape)));
    }
    const std::int64_t needed = count(view.slice.extent) * static_cast<std::int64_t>(size);
    if (static_cast<std::int64_t>(view.bytes.size()) != needed) {
      return wrong(fmt::format("{} {} takes {} bytes and has {}", name_of(view.dtype),
                               written(view.slice.extent), needed, view.bytes.size()));
    }
    const auto [before, is_first] = first.emplace(view.name, &view);
    if (!is_first && (before->second->shape != view.shape || before->second->dtype != view.dtype)) {
      return wrong("two pieces differ in the tensor's shape or type");
    }
  }
  return Done{};
}

std::vector<StoredTensor> listed(std::span<const TensorView> views) {
  const std::vector<std::string> keys = keys_of(views);
  std::map<std::string_view, std::size_t> places;
  std::vector<StoredTensor> tensors;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const TensorView& view = views[i];
    const auto [place, is_new] = places.emplace(view.name, tensors.size());
    if (is_new) tensors.push_back({view.name, view.dtype, view.shape, {}});
    tensors[place->second].pieces.push_back({.file = 0, .key = keys[i], .slice = view.slice});
  }
  return tensors;
}

Result<Shard> write_shard(Storage& storage, const std::string& folder, int rank,
                          std::span<const TensorView> views) {
  const std::vector<std::string> keys = keys_of(views);
  std::vector<TensorBytes> tensors;
  for (std::size_t i = 0; i < views.size(); ++i) {
    tensors.push_back({keys[i], views[i].dtype, views[i].slice.extent, views[i].bytes});
  }
  const std::string name = free_name(storage.files(), folder, rank);
  const std::string path = fmt::format("{}/{}", folder, name);
  Result<WrittenFile> file = write_safetensors(storage, path, tensors);
  if (!file.ok()) {
    (void)storage.files().remove(path);  // the error that matters is the first
    return std::move(file).error();
  }
  return Shard{.file = {.name = name, .bytes = file->bytes, .checksum = file->checksum},
               .tensors = listed(views)};
}

Result<Manifest> merge(std::span<const Shard> shards) {
  Manifest manifest;
  std::map<std::string_view, std::size_t> places;
  for (std::size_t file = 0; file < shards.size(); ++file) {
    manifest.files.push_back(shards[file].file);
    for (const StoredTensor& tensor : shards[file].tensors) {
      const auto [place, is_new] = places.emplace(tensor.name, manifest.tensors.size());
      if (is_new) manifest.tensors.push_back({tensor.name, tensor.dtype, tensor.shape, {}});
      StoredTensor& all = manifest.tensors[place->second];
      if (all.dtype != tensor.dtype || all.shape != tensor.shape) {
        return bad_input(fmt::format("tensor \"{}\": is {} {} in one shard and {} {} in {}",
                                     tensor.name, name_of(all.dtype), written(all.shape),
                                     name_of(tensor.dtype), written(tensor.shape),
                                     shards[file].file.name));
      }
      for (Piece piece : tensor.pieces) {
        piece.file = file;
        all.pieces.push_back(std::move(piece));
      }
    }
  }
  return manifest;
}

Status commit(Storage& storage, const std::string& folder, const Manifest& manifest) {
  ASSIGN_OR_RETURN(const std::string text, written_manifest(manifest));
  RETURN_IF_ERROR(storage.sync_folder(folder));
  RETURN_IF_ERROR(storage.sync_folder(fmt::format("{}/..", folder)));
  return storage.files().write(fmt::format("{}/{}", folder, manifest_name), text);
}

Status remove_leftovers(Storage& storage, const std::string& folder) {
  Files& files = storage.files();
  const std::string manifest_path = fmt::format("{}/{}", folder, manifest_name);
  std::set<std::string> kept{manifest_name};
  const bool is_committed = files.exists(manifest_path);
  if (is_committed) {
    const Result<std::string> text = files.read(manifest_path);
    if (!text.ok()) return Done{};
    const Result<Manifest> manifest = parse_manifest(*text, manifest_path);
    if (!manifest.ok()) return Done{};
    for (const StoredFile& file : manifest->files) kept.insert(file.name);
  }
  bool is_empty = !is_committed;
  for (const std::string& name : files.list(folder)) {
    if (kept.contains(name)) continue;
    if (!is_ours(name)) {
      is_empty = false;
      continue;
    }
    RETURN_IF_ERROR(files.remove(fmt::format("{}/{}", folder, name)));
  }
  if (is_empty) return storage.remove_folder(folder);
  return Done{};
}

Status remove_checkpoint(Storage& storage, const std::string& folder) {
  RETURN_IF_ERROR(storage.files().remove(fmt::format("{}/{}", folder, manifest_name)));
  RETURN_IF_ERROR(storage.sync_folder(folder));
  return remove_leftovers(storage, folder);
}

}  // namespace celere::checkpoint
