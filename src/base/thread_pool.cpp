#include "base/thread_pool.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere {

ThreadPool::ThreadPool(int threads) {
  CHECK_GE(threads, 0);
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const unsigned wanted = threads == 0 ? cores : static_cast<unsigned>(threads);
  for (unsigned i = 1; i < wanted; ++i) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  begin_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::for_each_index(std::size_t count,
                                const std::function<void(std::size_t)>& function) {
  std::unique_lock lock(mutex_);
  CHECK(function_ == nullptr);
  function_ = &function;
  next_ = 0;
  count_ = count;
  begin_.notify_all();
  drain(lock);
  end_.wait(lock, [this] { return running_ == 0; });
  function_ = nullptr;
}

void ThreadPool::drain(std::unique_lock<std::mutex>& lock) {
  while (function_ != nullptr && next_ < count_) {
    const std::size_t index = next_++;
    ++running_;
    lock.unlock();
    (*function_)(index);
    lock.lock();
    if (--running_ == 0) end_.notify_all();
  }
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    begin_.wait(lock, [this] { return stop_ || (function_ != nullptr && next_ < count_); });
    drain(lock);
  }
}

}  // namespace celere
