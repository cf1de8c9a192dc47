// A bounded set of threads for work that is cut into independent pieces.
//
// Thread rule: every call may come from any thread, also from inside a piece of work. A pool
// belongs to the process that made it; `shared_pool()` gives a child after fork() its own. Do not
// fork from inside a piece of work and then return into it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace dreamdb {

// Work handed to a pool; see ThreadPool::submit. Copies name the same work.
class Task {
 public:
  Task() = default;

  // Returns when the work is done. Does it on the calling thread if no thread has begun it yet, so
  // waiting can neither dead-lock nor idle. Returns at once for an empty Task.
  void wait();
  // The same for about so long at most, if a thread is at it; false: it is not done.
  bool wait_for(uint64_t timeout_ns);

  // True when the work is done (or the Task is empty).
  bool done() const;

 private:
  friend class ThreadPool;
  struct State;
  static void run(State& state) noexcept;
  std::shared_ptr<State> state_;
};

class ThreadPool {
 public:
  // Starts `thread_count` threads (0: every call runs on its caller).
  explicit ThreadPool(size_t thread_count);
  // Finishes what was submitted, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Calls `fn(index)` once for each index below `count`, on the calling thread and on idle threads
  // of the pool, together as many as those of the pool, and returns when all calls have returned.
  // Which thread runs which index is left open; what the calls wrote is visible to the caller. `fn`
  // must not throw; it stores its results where the caller finds them. May be nested.
  void parallel_for(size_t count, const std::function<void(size_t)>& fn);

  // Queues `work`. The pool keeps it alive until it has run, whether or not the Task is kept.
  Task submit(std::function<void()> work);

  size_t thread_count() const { return threads_.size(); }

 private:
  void work_loop();
  void enqueue(std::function<void()> job, size_t copies);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// The pool of this process, made at the first call with one thread for each processor (or as many
// as the environment variable DREAMDB_THREADS says, 1 to 1024). Made anew in a child after fork().
ThreadPool& shared_pool();

// Covers [0, count) by calls of `fn(begin, end)` on the shared pool: about kRangeBytes of the
// `bytes` that they move in all for each call, so that little work wakes nobody.
inline constexpr uint64_t kRangeBytes = 256 * 1024;
void parallel_ranges(size_t count, uint64_t bytes, const std::function<void(size_t, size_t)>& fn);

// The pool of this process for work that mostly waits for a far store: kWaitingThreads threads,
// however few processors there are. Made at the first call, anew in a child after fork().
inline constexpr size_t kWaitingThreads = 64;
ThreadPool& waiting_pool();

// The same for work that waits for a local disk: syncs that run at once share a commit of the file
// system's journal, those that run one after the other do not.
inline constexpr size_t kSyncingThreads = 16;
ThreadPool& syncing_pool();

}  // namespace dreamdb
