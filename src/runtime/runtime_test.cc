// Clock, sleep, random and what survives fork().
#include "runtime/runtime.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "runtime/fork.h"
#include "runtime/futex.h"

namespace dreamdb {
namespace {

TEST(Runtime, ClocksMoveForward) {
  Runtime& runtime = real_runtime();
  const uint64_t wall = runtime.now_ns();
  EXPECT_GT(wall, 1'600'000'000'000'000'000u);  // later than 2020
  const uint64_t before = runtime.monotonic_ns();
  runtime.sleep_ns(2'000'000);
  EXPECT_GE(runtime.monotonic_ns() - before, 2'000'000u);
}

TEST(Runtime, RandomHexIsLongAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = random_hex(real_runtime(), 16);
    ASSERT_EQ(text.size(), 32u);
    ASSERT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos);
    ASSERT_TRUE(seen.insert(text).second);
  }
}

TEST(Fork, MutexIsFreeInTheChildWhateverOtherThreadsDo) {
  ForkSafeMutex mutex;
  std::atomic<bool> stop{false};
  uint64_t even = 0;  // odd only while the mutex is held
  std::thread locker([&] {
    while (!stop) {
      const std::lock_guard lock(mutex);
      ++even;
      ++even;
    }
  });
  const uint64_t generation = fork_generation();
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);  // a dead-lock ends as a signal, which the parent sees
      const std::lock_guard lock(mutex);
      _exit(even % 2 == 0 && fork_generation() == generation + 1 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  locker.join();
  EXPECT_EQ(fork_generation(), generation);
}

TEST(Futex, WakesAnotherProcessAndReturnsAtOnceWhenTheWordDiffers) {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto* const word = static_cast<uint32_t*>(page);
  const uint64_t start = real_runtime().monotonic_ns();
  futex_wait(word, 7, 10'000'000'000);
  EXPECT_LT(real_runtime().monotonic_ns() - start, 1'000'000'000u);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    while (std::atomic_ref(*word).load() == 0) futex_wait(word, 0, 5'000'000'000);
    _exit(0);
  }
  real_runtime().sleep_ns(20'000'000);
  std::atomic_ref(*word).store(1);
  futex_wake(word, 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_LT(real_runtime().monotonic_ns() - start, 4'000'000'000u);
  munmap(page, 4096);
}

}  // namespace
}  // namespace dreamdb
