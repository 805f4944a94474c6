// A fixed number of threads that share out indices.
//
//   ThreadPool pool(4);
//   pool.for_each_index(items.size(), [&](std::size_t i) { results[i] = work(items[i]); });
//
// Each index is run once; who runs it depends on the machine, so a function may write only what
// belongs to its index. Then the result does not depend on the number of threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace celere {

class ThreadPool {
 public:
  // 0: as many as the machine has cores. With 1 all work is done by the caller.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Returns when all are done. The function must not throw, nor call the pool again.
  void for_each_index(std::size_t count, const std::function<void(std::size_t)>& function);

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

 private:
  void work();
  // Takes indices of the present job until none is left. REQUIRES: `lock` held; it is held again at
  // the end.
  void drain(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable begin_;
  std::condition_variable end_;
  const std::function<void(std::size_t)>* function_ = nullptr;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  std::size_t running_ = 0;
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace celere
