// What keeps a process usable after fork(): a count of forks and a mutex that survives one.
//
// A child has only the thread that called fork(). A mutex that another thread held at that moment
// would stay locked for ever in the child, and threads that a pool counted on are gone.
//
// Thread rule: every call may come from any thread.
#pragma once

#include <cstdint>
#include <mutex>

namespace dreamdb {

// How many forks lie between this process and the one that started the program. Whoever keeps
// threads or locks of this process remembers the value and starts afresh when it differs.
uint64_t fork_generation();

// Remembers the process that made something which a child cannot go on with, because threads of
// that process are at work on it. What is not here is neither used nor destroyed: it is left.
class HomeProcess {
 public:
  bool is_here() const { return generation_ == fork_generation(); }

 private:
  const uint64_t generation_ = fork_generation();
};

// A mutex that is never held across a fork: fork() waits until it is free and holds it meanwhile,
// so the child finds it unlocked and what it guards whole.
//
// Rule: a leaf lock. While one is held, lock no other ForkSafeMutex, do not fork, and make none.
class ForkSafeMutex {
 public:
  ForkSafeMutex();
  ~ForkSafeMutex();
  ForkSafeMutex(const ForkSafeMutex&) = delete;
  ForkSafeMutex& operator=(const ForkSafeMutex&) = delete;

  // What it guards takes less than a thread needs to sleep and wake, so it tries for a while.
  void lock() {
    for (int tries = 0; tries < kTries; ++tries) {
      if (mutex_.try_lock()) return;
      pause();
    }
    mutex_.lock();
  }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  friend struct ForkHooks;
  static constexpr int kTries = 64;  // some 3 us
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  std::mutex mutex_;
  ForkSafeMutex* previous_ = nullptr;
  ForkSafeMutex* next_ = nullptr;
};

}  // namespace dreamdb
