#include "checkpoint/memory.hpp"

#include <fmt/format.h>

#include <memory>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "checkpoint/checksum.hpp"
#include "checkpoint/storage_before.hpp"

namespace celere::checkpoint {
namespace {

std::string name_in_path(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Two places for the same bytes; the failure of the second is kept and does not matter to the
// first.
class TwinSink final : public Sink {
 public:
  TwinSink(std::unique_ptr<Sink> first, std::unique_ptr<Sink> second, Status& second_status)
      : first_(std::move(first)), second_(std::move(second)), second_status_(&second_status) {}

  Status write(std::span<const std::byte> bytes) override {
    RETURN_IF_ERROR(first_->write(bytes));
    if (second_status_->ok()) *second_status_ = second_->write(bytes);
    return Done{};
  }
  Status finish() override {
    RETURN_IF_ERROR(first_->finish());
    if (second_status_->ok()) *second_status_ = second_->finish();
    return Done{};
  }

 private:
  std::unique_ptr<Sink> first_, second_;
  Status* second_status_;
};

// A storage whose new files are written to a second folder too, under the same name.
class TwinStorage final : public StorageBefore {
 public:
  TwinStorage(Storage& real, std::string second)
      : StorageBefore(real), second_(std::move(second)) {}

  Result<std::unique_ptr<Sink>> create(const std::string& path) override {
    ASSIGN_OR_RETURN(std::unique_ptr<Sink> first, StorageBefore::create(path));
    Result<std::unique_ptr<Sink>> second = create_second(path);
    if (!second.ok()) {
      status_ = std::move(second).error();
      return first;
    }
    return std::unique_ptr<Sink>(
        std::make_unique<TwinSink>(std::move(first), *std::move(second), status_));
  }

  const Status& status() const { return status_; }   // of the second
  const std::string& copy() const { return copy_; }  // its path; empty where none was begun

 private:
  Result<std::unique_ptr<Sink>> create_second(const std::string& path) {
    RETURN_IF_ERROR(files().make_folder(second_));
    copy_ = fmt::format("{}/{}", second_, name_in_path(path));
    RETURN_IF_ERROR(files().remove(copy_));  // of a save that failed or was killed
    return StorageBefore::create(copy_);
  }

  std::string second_, copy_;
  Status status_ = Done{};
};

// What comes from another rank, into a file that holds exactly what was announced or is removed.
class Incoming {
 public:
  Incoming(Storage& storage, std::string path, const StoredFile& file)
      : storage_(&storage), path_(std::move(path)), file_(&file) {
    status_ = storage_->files().remove(path_);
    if (!status_.ok()) return;
    Result<std::unique_ptr<Sink>> sink = storage_->create(path_);
    if (sink.ok()) {
      sink_ = *std::move(sink);
    } else {
      status_ = std::move(sink).error();
    }
  }

  // All that comes is taken, even where it cannot be kept.
  void take(std::span<const std::byte> bytes) {
    checksum_.add(bytes);
    bytes_ += static_cast<std::int64_t>(bytes.size());
    if (status_.ok()) status_ = sink_->write(bytes);
  }

  Status finish() {
    if (status_.ok()) status_ = sink_->finish();
    sink_.reset();
    if (status_.ok() && (bytes_ != file_->bytes || checksum_.hexadecimal() != file_->checksum)) {
      status_ = Error{ErrorCode::corrupt,
                      fmt::format("{}: the neighbour gave {} bytes that are not the file's {}",
                                  path_, bytes_, file_->bytes),
                      {}};
    }
    if (!status_.ok()) (void)storage_->files().remove(path_);  // the first error matters
    return status_;
  }

 private:
  Storage* storage_;
  std::string path_;
  const StoredFile* file_;
  std::unique_ptr<Sink> sink_;
  Checksum checksum_;
  std::int64_t bytes_ = 0;
  Status status_ = Done{};
};

}  // namespace

Result<std::optional<Ring>> ring_of_nodes(int rank, int ranks, int ranks_per_node) {
  CHECK(rank >= 0 && rank < ranks && ranks_per_node >= 0);
  if (ranks_per_node == 0 || ranks_per_node >= ranks) return std::optional<Ring>();
  if (ranks % ranks_per_node != 0) {
    return bad_input(fmt::format(
        "{} ranks on nodes of {}: for copies at a neighbour each node needs equally many", ranks,
        ranks_per_node));
  }
  return std::optional(
      Ring{.to = (rank + ranks_per_node) % ranks, .from = (rank - ranks_per_node + ranks) % ranks});
}

std::string MemoryCopies::place() const {
  return fmt::format("{}/{}", options_.folder, folder_name_of_step(step_));
}

void MemoryCopies::warn(const Status& status) {
  if (!status.ok() && !warning_) warning_ = status.error();
}

Result<Shard> MemoryCopies::write(const std::string& folder, std::int64_t step,
                                  std::span<const TensorView> views) {
  warning_.reset();
  step_ = step;
  TwinStorage twin(*storage_, place());
  Result<Shard> shard = write_shard(twin, folder, peers_->rank(), views);
  own_in_memory_ = twin.copy();
  warn(twin.status());
  if (!shard.ok() || warning_) drop();
  if (shard.ok()) own_on_disk_ = fmt::format("{}/{}", folder, shard->file.name);
  return shard;
}

void MemoryCopies::drop() {
  if (!own_in_memory_.empty()) (void)storage_->files().remove(own_in_memory_);
  own_in_memory_.clear();
  (void)storage_->remove_folder(place());  // another rank's copy may lie in it
}

Status MemoryCopies::give_and_take(const std::vector<Shard>& shards) {
  ASSIGN_OR_RETURN(
      const std::optional<Ring> ring,
      ring_of_nodes(peers_->rank(), static_cast<int>(shards.size()), options_.ranks_per_node));
  if (!ring) return Done{};
  // Whatever fails here, the ranks beside this one wait for it: it gives what it can, be it
  // nothing, and takes what comes.
  Result<MappedFile> own = storage_->map(own_in_memory_.empty() ? own_on_disk_ : own_in_memory_);
  const StoredFile& file = shards[static_cast<std::size_t>(ring->from)].file;
  CHECK(is_plain_name(file.name));  // it is in a manifest
  const Status made = storage_->files().make_folder(place());
  Incoming incoming(*storage_, fmt::format("{}/{}", place(), file.name), file);
  const Status passed =
      peers_->pass({.to = ring->to,
                    .own = own.ok() ? own->bytes() : std::span<const std::byte>(),
                    .from = ring->from,
                    .bytes_max = file.bytes,
                    .take = [&](std::span<const std::byte> bytes) { incoming.take(bytes); }});
  const Status kept = incoming.finish();
  RETURN_IF_ERROR(passed);
  if (!own.ok()) return std::move(own).error();
  RETURN_IF_ERROR(made);
  return kept;
}

std::optional<Error> MemoryCopies::share(const std::vector<Shard>& shards) {
  warn(give_and_take(shards));
  warn(removed_);
  const Result<std::vector<std::string>> all = peers_->exchange(warning_ ? warning_->message : "");
  // Behind this every copy of this save lies where it will, and none of the next exists yet.
  removed_ = remove_all_but(shards);
  own_in_memory_.clear();  // it stays, whatever becomes of the next save
  return all.ok() ? first_that_failed(*all) : all.error();
}

Status MemoryCopies::remove_all_but(const std::vector<Shard>& shards) {
  Files& files = storage_->files();
  Status first = Done{};
  std::set<std::string> kept;
  for (const Shard& shard : shards) kept.insert(shard.file.name);
  for (const std::string& folder : files.list(options_.folder)) {
    const std::optional<std::int64_t> step = step_of_folder_name(folder);
    if (!step) continue;
    const std::string path = fmt::format("{}/{}", options_.folder, folder);
    for (const std::string& name : files.list(path)) {
      if (!name.ends_with(".safetensors") || (*step == step_ && kept.contains(name))) continue;
      const Status removed = files.remove(fmt::format("{}/{}", path, name));
      if (first.ok()) first = removed;
    }
    if (*step != step_) (void)storage_->remove_folder(path);  // unless something else lies in it
  }
  return first;
}

}  // namespace celere::checkpoint
