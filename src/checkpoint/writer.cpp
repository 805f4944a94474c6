#include "checkpoint/writer.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/check.hpp"
#include "checkpoint/retention.hpp"

namespace celere::checkpoint {

CheckpointWriter::CheckpointWriter(WriterOptions options, const Clock& clock, Storage& storage)
    : options_(std::move(options)),
      clock_(&clock),
      storage_(&storage),
      thread_([this] { work(); }) {}

Result<std::unique_ptr<CheckpointWriter>> CheckpointWriter::open(WriterOptions options,
                                                                 const Clock& clock,
                                                                 Storage& storage) {
  CHECK_GE(options.keep, 1);
  CHECK_GE(options.keep_every, 0);
  RETURN_IF_ERROR(storage.files().make_folder(options.folder));
  for (const std::string& name : storage.files().list(options.folder)) {
    if (!step_of_folder_name(name)) continue;
    RETURN_IF_ERROR(remove_leftovers(storage, fmt::format("{}/{}", options.folder, name)));
  }
  return std::unique_ptr<CheckpointWriter>(
      new CheckpointWriter(std::move(options), clock, storage));
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
  draft.tensors = listed(tensors);
  // Whatever cannot be written is said now, not behind the caller's back.
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
             .not_removed = {}};
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
    Status status = write();
    // Of a failed save, or of an earlier one of the same step.
    Status removed = remove_leftovers(
        *storage_, fmt::format("{}/{}", options_.folder, folder_name_of_step(report.step)));
    if (status.ok() && removed.ok()) {
      removed = keep_only(*storage_, options_.folder, report.step,
                          {.last = options_.keep, .every = options_.keep_every});
    }
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

Status CheckpointWriter::write() {
  const std::string folder =
      fmt::format("{}/{}", options_.folder, folder_name_of_step(draft_.step));
  const auto attempt = [&]() -> Status {
    RETURN_IF_ERROR(storage_->files().make_folder(folder));
    ASSIGN_OR_RETURN(const Shard shard, write_shard(*storage_, folder, 0, snapshot_.views()));
    ASSIGN_OR_RETURN(Manifest manifest, merge(std::span(&shard, 1)));
    manifest.step = draft_.step;
    manifest.about = draft_.about;
    manifest.state = draft_.state;
    return commit(*storage_, folder, manifest);
  };
  return attempt().during(fmt::format("saving the checkpoint of step {}", draft_.step));
}

}  // namespace celere::checkpoint
