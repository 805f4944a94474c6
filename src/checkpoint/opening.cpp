#include "checkpoint/opening.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "checkpoint/checksum.hpp"

namespace celere::checkpoint {
namespace {

Status check_piece(const StoredTensor& tensor, const Piece& piece, const SafetensorsFile& file,
                   const std::string& path) {
  const TensorInfo* info = file.find(piece.key);
  if (info == nullptr) return corrupt(path, fmt::format("tensor \"{}\": is missing", piece.key));
  if (info->dtype != tensor.dtype || info->shape != piece.slice.extent) {
    return corrupt(path, fmt::format("tensor \"{}\": is {} {}, and the manifest says {} {}",
                                     piece.key, name_of(info->dtype), written(info->shape),
                                     name_of(tensor.dtype), written(piece.slice.extent)));
  }
  return Done{};
}

}  // namespace

Result<Opening> Opening::begin(const Storage& storage, const std::string& folder,
                               const OpenOptions& options) {
  const std::string path = fmt::format("{}/{}", folder, manifest_name);
  ASSIGN_OR_RETURN(const std::string text, storage.files().read(path));
  Opening opening(storage, options);
  Checkpoint& out = opening.out_;
  out.folder_ = folder;
  ASSIGN_OR_RETURN(out.manifest_, parse_manifest(text, path));
  opening.manifest_checksum_ = checksum_of(std::as_bytes(std::span(text)));
  for (std::size_t i = 0; i < out.manifest_.tensors.size(); ++i) {
    out.places_[out.manifest_.tensors[i].name] = i;
  }
  out.files_.resize(out.manifest_.files.size());
  opening.is_bad_.resize(out.files_.size());
  opening.find_pieces();
  return opening;
}

void Opening::find_pieces() {
  const Manifest& all = manifest();
  pieces_.resize(all.files.size());
  wanted_bytes_.resize(all.files.size());
  for (std::size_t t = 0; t < all.tensors.size(); ++t) {
    for (std::size_t p = 0; p < all.tensors[t].pieces.size(); ++p) {
      pieces_[all.tensors[t].pieces[p].file].push_back({t, p});
    }
  }
  for (const Wanted& wanted : options_->wanted) {
    const auto found = out_.places_.find(wanted.name);
    if (found == out_.places_.end()) continue;  // compare() and read() have the words for it
    const StoredTensor& tensor = all.tensors[found->second];
    if (!lies_within(wanted.slice, tensor.shape)) continue;
    for (const Piece& piece : tensor.pieces) {
      const std::optional<Slice> both = intersection(piece.slice, wanted.slice);
      if (!both) continue;
      wanted_bytes_[piece.file] +=
          count(both->extent) * static_cast<std::int64_t>(item_size(tensor.dtype));
    }
  }
  for (std::size_t file = 0; file < all.files.size(); ++file) {
    if (options_->wanted.empty() || wanted_bytes_[file] > 0) needed_.push_back(file);
  }
}

bool Opening::reads_most_of(std::size_t file) const {
  return wanted_bytes_[file] >= manifest().files[file].bytes / 2;
}

// The step and the file's plain name come from the manifest: they cannot lead out of the memory.
std::string Opening::path_in(const std::string& memory, std::size_t file) const {
  return fmt::format("{}/{}/{}", memory, folder_name_of_step(manifest().step),
                     manifest().files[file].name);
}

Result<SafetensorsFile> Opening::checked(std::size_t file, MappedFile map, const std::string& path,
                                         Verify verify) const {
  const StoredFile& said = manifest().files[file];
  const std::size_t size = map.bytes().size();
  if (static_cast<std::int64_t>(size) != said.bytes) {
    return corrupt(path, fmt::format("has {} bytes of {}", size, said.bytes));
  }
  if (verify == Verify::deep) {
    const std::string checksum = checksum_of(map.bytes());
    if (checksum != said.checksum) {
      return corrupt(path, fmt::format("its checksum is {}, and the manifest says {}", checksum,
                                       said.checksum));
    }
  }
  ASSIGN_OR_RETURN(SafetensorsFile opened, SafetensorsFile::of(std::move(map), path));
  for (const PieceOf& each : pieces_[file]) {
    const StoredTensor& tensor = manifest().tensors[each.tensor];
    RETURN_IF_ERROR(check_piece(tensor, tensor.pieces[each.piece], opened, path));
  }
  return opened;
}

bool Opening::open_in_memory(std::size_t file) {
  for (const std::string& memory : options_->memories) {
    const std::string path = path_in(memory, file);
    Result<MappedFile> map = storage_->map(path);
    if (!map.ok() && map.error().code == ErrorCode::not_found) continue;
    Result<SafetensorsFile> opened = map.ok() ? checked(file, *std::move(map), path, Verify::deep)
                                              : Result<SafetensorsFile>(std::move(map).error());
    if (opened.ok()) {
      out_.files_[file] = *std::move(opened);
      out_.sources_.memory_bytes += manifest().files[file].bytes;
      return true;
    }
    is_bad_[file] = true;
    out_.sources_.passed_over.push_back(std::move(opened).error());
  }
  return false;
}

std::vector<std::size_t> Opening::held() const {
  std::vector<std::size_t> out;
  if (options_->memories.empty()) return out;
  for (std::size_t file = 0; file < manifest().files.size(); ++file) {
    if (copy_of(file).ok()) out.push_back(file);
  }
  return out;
}

Result<MappedFile> Opening::copy_of(std::size_t file) const {
  const StoredFile& said = manifest().files[file];
  if (!is_bad_[file]) {
    for (const std::string& memory : options_->memories) {
      Result<MappedFile> map = storage_->map(path_in(memory, file));
      if (map.ok() && static_cast<std::int64_t>(map->bytes().size()) == said.bytes) return map;
    }
  }
  return Error{ErrorCode::not_found, fmt::format("{}: is in no memory here", said.name), {}};
}

bool Opening::open_filled(std::size_t file,
                          const std::function<Status(std::span<std::byte>)>& fill) {
  const StoredFile& said = manifest().files[file];
  bool called = false;
  Result<MappedFile> map =
      MappedFile::filled(static_cast<std::size_t>(said.bytes), [&](std::span<std::byte> memory) {
        called = true;
        return fill(memory);
      });
  if (!called) (void)fill({});
  Result<SafetensorsFile> opened =
      map.ok() ? checked(file, *std::move(map), said.name + " as a peer gave it", Verify::deep)
               : Result<SafetensorsFile>(std::move(map).error());
  if (!opened.ok()) {
    out_.sources_.passed_over.push_back(std::move(opened).error());
    return false;
  }
  out_.files_[file] = *std::move(opened);
  out_.sources_.peers_bytes += said.bytes;
  return true;
}

Result<SafetensorsFile> Opening::checked_on_disk(std::size_t file, Verify verify) const {
  const std::string path = fmt::format("{}/{}", out_.folder_, manifest().files[file].name);
  Result<MappedFile> map = storage_->map(path);
  if (map.ok()) return checked(file, *std::move(map), path, verify);
  Error error = std::move(map).error();
  if (error.code == ErrorCode::not_found) {
    return corrupt(path, "is missing, and the manifest needs it");
  }
  return error;
}

Status Opening::open_on_disk(std::size_t file, Verify verify) {
  ASSIGN_OR_RETURN(out_.files_[file], checked_on_disk(file, verify));
  out_.sources_.disk_bytes += manifest().files[file].bytes;
  return Done{};
}

Status Opening::check_on_disk(std::size_t file, Verify verify) const {
  RETURN_IF_ERROR(checked_on_disk(file, verify));
  return Done{};
}

Checkpoint Opening::finish() && {
  for (const std::size_t file : needed_) CHECK(out_.files_[file].has_value());
  return std::move(out_);
}

}  // namespace celere::checkpoint
