// A storage that stands before another one and does some things in a way of its own: whatever it
// does not take over, the other one does.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "checkpoint/storage.hpp"

namespace celere::checkpoint {

class StorageBefore : public Storage {
 public:
  explicit StorageBefore(Storage& real) : real_(&real) {}  // which must outlive it
  explicit StorageBefore(std::unique_ptr<Storage> real)
      : owned_(std::move(real)), real_(owned_.get()) {}

  Files& files() override { return real_->files(); }
  const Files& files() const override { return std::as_const(*real_).files(); }
  Result<std::unique_ptr<Sink>> create(const std::string& path) override {
    return real_->create(path);
  }
  Result<MappedFile> map(const std::string& path) const override { return real_->map(path); }
  Status sync_folder(const std::string& path) override { return real_->sync_folder(path); }
  Status remove_folder(const std::string& path) override { return real_->remove_folder(path); }

 private:
  std::unique_ptr<Storage> owned_;
  Storage* real_;
};

}  // namespace celere::checkpoint
