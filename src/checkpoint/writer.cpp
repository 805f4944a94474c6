#include "checkpoint/writer.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/check.hpp"
#include "checkpoint/retention.hpp"

namespace celere::checkpoint {

CheckpointWriter::CheckpointWriter(WriterOptions options, const Clock& clock, Storage& storage,
                                   Peers& peers)
    : options_(std::move(options)),
      clock_(&clock),
      storage_(&storage),
      peers_(&peers),
      memory_(options_.memory.folder.empty()
                  ? std::nullopt
                  : std::optional(MemoryCopies(options_.memory, storage, peers))),
      thread_([this] { work(); }) {}

Result<std::unique_ptr<CheckpointWriter>> CheckpointWriter::open(WriterOptions options,
                                                                 const Clock& clock,
                                                                 Storage& storage) {
  static NoPeers alone;  // has no state
  return open(std::move(options), clock, storage, alone);
}

Result<std::unique_ptr<CheckpointWriter>> CheckpointWriter::open(WriterOptions options,
                                                                 const Clock& clock,
                                                                 Storage& storage, Peers& peers) {
  CHECK_GE(options.keep, 1);
  CHECK_GE(options.keep_every, 0);
  const auto prepare = [&]() -> Status {
    RETURN_IF_ERROR(storage.files().make_folder(options.folder));
    if (peers.rank() != 0) return Done{};
    for (const std::string& name : storage.files().list(options.folder)) {
      if (!step_of_folder_name(name)) continue;
      RETURN_IF_ERROR(remove_leftovers(storage, fmt::format("{}/{}", options.folder, name)));
    }
    return Done{};
  };
  // Nobody writes before that is done; and where one cannot, nobody does.
  const Status own = prepare();
  ASSIGN_OR_RETURN(const std::vector<std::string> all,
                   peers.exchange(own.ok() ? "" : own.error().message));
  if (!own.ok()) return own.error();
  if (auto failed = first_that_failed(all)) return *std::move(failed);
  return std::unique_ptr<CheckpointWriter>(
      new CheckpointWriter(std::move(options), clock, storage, peers));
}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CheckpointWriter::reserve(std::int64_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !pending_; });
  (void)snapshot_.reserve(static_cast<std::size_t>(bytes));  // save() says where memory is short
}

Status CheckpointWriter::save(std::int64_t step, std::span<const TensorView> tensors, State state) {
  const Instant begin = clock_->now();
  Manifest draft{.step = step,
                 .about = options_.about,
                 .files = {{"draft", 0, std::string(32, '0')}},
                 .tensors = {},
                 .state = std::move(state)};
  RETURN_IF_ERROR(check_views(tensors));
  // Whatever cannot be written is said now, not behind the caller's back; whether the pieces of
  // several processes are a whole, when they meet.
  const bool alone = dynamic_cast<NoPeers*>(peers_) != nullptr;
  if (alone) draft.tensors = listed(tensors);
  RETURN_IF_ERROR(written_manifest(draft));
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !pending_; });
  if (!snapshot_.take(tensors)) {
    return Error{ErrorCode::io, fmt::format("step {}: no memory for a snapshot", step), {}};
  }
  std::int64_t bytes = 0;
  for (const TensorView& tensor : tensors) bytes += static_cast<std::int64_t>(tensor.bytes.size());
  draft_ = std::move(draft);
  report_ = {.step = step,
             .bytes = bytes,
             .blocking = clock_->now() - begin,
             .writing = {},
             .failed = {},
             .not_removed = {},
             .not_copied = {}};
  pending_ = true;
  lock.unlock();
  changed_.notify_all();
  return Done{};
}

bool CheckpointWriter::busy() const {
  const std::lock_guard lock(mutex_);
  return pending_;
}

std::optional<SaveReport> CheckpointWriter::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !pending_; });
  return last_;
}

std::optional<SaveReport> CheckpointWriter::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::optional<std::int64_t> CheckpointWriter::committed() const {
  const std::lock_guard lock(mutex_);
  return committed_;
}

void CheckpointWriter::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return pending_ || stop_; });
    if (!pending_) return;
    SaveReport report = report_;
    lock.unlock();
    const Instant begin = clock_->now();
    Status status = write(report);
    Status removed = Done{};
    if (peers_->rank() == 0) removed = tidy_up(report.step, status.ok());
    // Nobody begins the next save before files of this one are removed.
    if (auto met = peers_->exchange(""); !met.ok() && status.ok()) status = std::move(met).error();
    if (!status.ok()) report.failed = std::move(status).error();
    if (!removed.ok()) report.not_removed = std::move(removed).error();
    report.writing = clock_->now() - begin;
    lock.lock();
    if (!report.failed) committed_ = report.step;
    last_ = std::move(report);
    pending_ = false;
    changed_.notify_all();
  }
}

// Of a failed save, or of an earlier one of the same step; and what is kept no longer.
Status CheckpointWriter::tidy_up(std::int64_t step, bool committed) {
  RETURN_IF_ERROR(remove_leftovers(
      *storage_, fmt::format("{}/{}", options_.folder, folder_name_of_step(step))));
  if (!committed) return Done{};
  return keep_only(*storage_, options_.folder, step,
                   {.last = options_.keep, .every = options_.keep_every});
}

namespace {

// What a process says of its part: "+" and its shard, or "-" and why there is none.
std::string said(const Result<Shard>& shard) {
  return shard.ok() ? "+" + written_shard(*shard) : "-" + shard.error().message;
}

Result<std::vector<Shard>> heard(const std::vector<std::string>& all) {
  std::vector<Shard> shards;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (!all[rank].starts_with('+')) {
      const std::string why = all[rank].empty() ? "said nothing" : all[rank].substr(1);
      return Error{ErrorCode::io, said_by(rank, all.size(), why), {}};
    }
    ASSIGN_OR_RETURN(Shard shard, parse_shard(std::string_view(all[rank]).substr(1)));
    shards.push_back(std::move(shard));
  }
  return shards;
}

}  // namespace

Status CheckpointWriter::write(SaveReport& report) {
  const std::string folder =
      fmt::format("{}/{}", options_.folder, folder_name_of_step(draft_.step));
  const auto write_own = [&]() -> Result<Shard> {
    RETURN_IF_ERROR(storage_->files().make_folder(folder));
    if (memory_) return memory_->write(folder, draft_.step, snapshot_.views());
    return write_shard(*storage_, folder, peers_->rank(), snapshot_.views());
  };
  const auto commit_all = [&](const std::vector<Shard>& shards) -> Status {
    ASSIGN_OR_RETURN(Manifest manifest, merge(shards));
    manifest.step = draft_.step;
    manifest.about = draft_.about;
    manifest.state = draft_.state;
    return commit(*storage_, folder, manifest);
  };
  const auto attempt = [&]() -> Status {
    ASSIGN_OR_RETURN(const std::vector<std::string> all, peers_->exchange(said(write_own())));
    ASSIGN_OR_RETURN(const std::vector<Shard> shards, heard(all));
    const Status own = peers_->rank() == 0 ? commit_all(shards) : Status(Done{});
    // Empty: it is committed. What rank 0 says is what holds.
    ASSIGN_OR_RETURN(const std::vector<std::string> done,
                     peers_->exchange(own.ok() ? "" : own.error().message));
    if (!own.ok()) return own;
    if (!done.front().empty()) return Error{ErrorCode::io, "rank 0: " + done.front(), {}};
    if (memory_) report.not_copied = memory_->share(shards);
    return Done{};
  };
  Status status = attempt();
  if (memory_ && !status.ok()) memory_->drop();
  return std::move(status).during(fmt::format("saving the checkpoint of step {}", draft_.step));
}

}  // namespace celere::checkpoint
