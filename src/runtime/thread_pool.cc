// Threads, their queue, and the loops and tasks they draw from it.
#include "runtime/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <string_view>

#include "runtime/alone.h"
#include "runtime/fork.h"
#include "runtime/futex.h"

namespace dreamdb {

namespace {

constexpr size_t kThreadsMax = 1024;

// One parallel_for: its helpers and its caller draw indexes from `next` until none is left. A
// helper that comes late finds none and never touches `fn`, whose owner may be gone by then.
struct Loop {
  Loop(size_t index_count, const std::function<void(size_t)>& body)
      : count(index_count), fn(&body) {}

  // noexcept: work that throws ends the program here; unwound, it would leave helpers with `fn`.
  void run() noexcept {
    size_t finished = 0;
    for (size_t index; (index = next.fetch_add(1, std::memory_order_relaxed)) < count; ++finished) {
      (*fn)(index);
    }
    if (finished == 0) return;
    if (done.fetch_add(finished, std::memory_order_acq_rel) + finished == count) done.notify_all();
  }

  void wait() const {
    for (size_t seen; (seen = done.load(std::memory_order_acquire)) != count;) done.wait(seen);
  }

  const size_t count;
  const std::function<void(size_t)>* const fn;
  std::atomic<size_t> next{0};
  std::atomic<size_t> done{0};
};

size_t default_thread_count() {
  const size_t processors = std::max<size_t>(1, std::thread::hardware_concurrency());
  const char* const text = std::getenv("DREAMDB_THREADS");
  if (text == nullptr) return processors;
  const std::string_view view(text);
  size_t wanted = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), wanted);
  const bool is_number = error == std::errc() && end == view.data() + view.size();
  return is_number && wanted >= 1 && wanted <= kThreadsMax ? wanted : processors;
}

// A pool that is made when it is first asked for, in each process.
class PoolOfProcess {
 public:
  ThreadPool& get(size_t (*thread_count)()) {
    if (AloneScope::innermost() != nullptr) return no_threads_;
    const uint64_t generation = fork_generation();
    Made* made = made_.load(std::memory_order_acquire);
    if (made != nullptr && made->generation == generation) return made->pool;
    const std::lock_guard lock(making_);
    made = made_.load(std::memory_order_acquire);
    if (made == nullptr || made->generation != generation) {
      made = new Made{generation, ThreadPool(thread_count())};
      made_.store(made, std::memory_order_release);
    }
    return made->pool;
  }

 private:
  // Never destroyed: threads may still use it while the program exits. In a child the parent's
  // pool is left behind as it is, for its threads do not exist there and its mutex may be locked.
  struct Made {
    uint64_t generation;
    ThreadPool pool;
  };
  ThreadPool no_threads_{0};  // for who is to be alone
  std::atomic<Made*> made_{nullptr};
  ForkSafeMutex making_;
};

}  // namespace

struct Task::State {
  enum : uint32_t { kQueued, kRunning, kDone };
  std::function<void()> work;
  std::atomic<uint32_t> phase{kQueued};
};

namespace {

// A futex rather than std::atomic::wait, which knows no timeout.
uint32_t* word_of(std::atomic<uint32_t>& phase) {
  static_assert(sizeof(phase) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  return reinterpret_cast<uint32_t*>(&phase);
}

constexpr uint64_t kWaitNs = 1'000'000'000;  // and once more

}  // namespace

void Task::run(State& state) noexcept {
  uint32_t queued = State::kQueued;
  if (!state.phase.compare_exchange_strong(queued, State::kRunning)) return;
  state.work();
  state.work = nullptr;  // what the work holds is let go now, not when the last Task goes
  state.phase.store(State::kDone, std::memory_order_release);
  futex_wake(word_of(state.phase), std::numeric_limits<int>::max());
}

void Task::wait() {
  while (!wait_for(kWaitNs)) continue;
}

bool Task::wait_for(uint64_t timeout_ns) {
  if (!state_) return true;
  run(*state_);
  if (!done()) futex_wait(word_of(state_->phase), State::kRunning, timeout_ns);
  return done();
}

bool Task::done() const {
  return !state_ || state_->phase.load(std::memory_order_acquire) == State::kDone;
}

ThreadPool::ThreadPool(size_t thread_count) {
  threads_.reserve(thread_count);
  for (size_t i = 0; i < thread_count; ++i) threads_.emplace_back([this] { work_loop(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::parallel_for(size_t count, const std::function<void(size_t)>& fn) {
  // With the caller as many as the pool has: one more than there are processors would have to wait
  // for one, perhaps with a lock in its hands.
  const size_t runners = std::min(count, threads_.size());
  if (runners < 2) {
    for (size_t index = 0; index < count; ++index) fn(index);
    return;
  }
  const auto loop = std::make_shared<Loop>(count, fn);
  enqueue([loop] { loop->run(); }, runners - 1);
  loop->run();
  loop->wait();
}

Task ThreadPool::submit(std::function<void()> work) {
  Task task;
  task.state_ = std::make_shared<Task::State>();
  task.state_->work = std::move(work);
  if (AloneScope* const alone = AloneScope::innermost()) {
    alone->keep(task);
  } else if (threads_.empty()) {
    Task::run(*task.state_);
  } else {
    enqueue([state = task.state_] { Task::run(*state); }, 1);
  }
  return task;
}

void ThreadPool::enqueue(std::function<void()> job, size_t copies) {
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = 1; i < copies; ++i) queue_.push_back(job);
    queue_.push_back(std::move(job));
  }
  // No more threads than there is work for: each that finds none costs two switches.
  for (size_t i = 0; i < copies; ++i) wake_.notify_one();
}

void ThreadPool::work_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;  // stopping, and everything is done
    std::function<void()> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

ThreadPool& shared_pool() {
  static PoolOfProcess* const pool = new PoolOfProcess;
  return pool->get(default_thread_count);
}

void parallel_ranges(size_t count, uint64_t bytes, const std::function<void(size_t, size_t)>& fn) {
  const size_t calls = std::min<size_t>(count, std::max<uint64_t>(1, bytes / kRangeBytes));
  if (calls <= 1) return fn(0, count);
  shared_pool().parallel_for(calls,
                             [&](size_t i) { fn(count * i / calls, count * (i + 1) / calls); });
}

ThreadPool& waiting_pool() {
  static PoolOfProcess* const pool = new PoolOfProcess;
  return pool->get([] { return kWaitingThreads; });
}

ThreadPool& syncing_pool() {
  static PoolOfProcess* const pool = new PoolOfProcess;
  return pool->get([] { return kSyncingThreads; });
}

}  // namespace dreamdb
