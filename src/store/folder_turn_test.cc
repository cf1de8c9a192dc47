// Turns: one at a time, fair, quick to hand over, free when the owner dies.
#include "store/folder_turn.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

std::unique_ptr<FolderTurn> take(const ScratchFolder& folder, uint32_t timeout_ms) {
  return wait_folder_turn(folder.path(), timeout_ms, real_runtime());
}

// Memory that parent and children share.
template <typename T>
class Shared {
 public:
  Shared() {
    memory_ = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    DREAMDB_ASSERT(memory_ != MAP_FAILED);
    new (memory_) T();
  }
  ~Shared() { munmap(memory_, sizeof(T)); }
  T* operator->() { return static_cast<T*>(memory_); }

 private:
  void* memory_;
};

TEST(FolderTurn, OnlyOneAtATimeAndTheWaitEnds) {
  const ScratchFolder folder;
  auto first = take(folder, 10);
  ASSERT_NE(first, nullptr);
  const uint64_t start = real_runtime().monotonic_ns();
  EXPECT_EQ(take(folder, 60), nullptr);
  const uint64_t waited = real_runtime().monotonic_ns() - start;
  EXPECT_GE(waited, 60 * kNsPerMs);
  EXPECT_LT(waited, 1000 * kNsPerMs);
  first.reset();
  EXPECT_NE(take(folder, 10), nullptr);
}

TEST(FolderTurn, EndsOnceAndByItsOwnThreadOnly) {
  const ScratchFolder folder;
  auto first = take(folder, 10);
  ASSERT_NE(first, nullptr);
  std::thread([&] { end_folder_turn(folder.path(), {}); }).join();
  EXPECT_EQ(take(folder, 0), nullptr);  // another thread's word ends nothing
  end_folder_turn(folder.path(), {});
  auto second = take(folder, 10);
  ASSERT_NE(second, nullptr);
  first.reset();  // ended long ago: the second one's turn goes on
  EXPECT_EQ(take(folder, 0), nullptr);
  second.reset();
  EXPECT_NE(take(folder, 10), nullptr);
}

TEST(FolderTurn, LeavesANoteForTheNextOne) {
  const ScratchFolder folder;
  auto first = take(folder, 10);
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(first->note().empty());
  const Buffer note = Buffer::copy_of("what is to come");
  end_folder_turn(folder.path(), note.span());
  auto second = take(folder, 10);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->note().view(), note.view());
  // A note that is too long is not left, and the turn goes on.
  end_folder_turn(folder.path(), std::vector<std::byte>(kTurnNoteMax + 1));
  EXPECT_EQ(take(folder, 0), nullptr);
  EXPECT_EQ(second->note().view(), note.view());
  end_folder_turn(folder.path(), std::vector<std::byte>(kTurnNoteMax));
  auto third = take(folder, 10);
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(third->note().size(), kTurnNoteMax);
  // Whoever only takes and gives back leaves the note of the one before; one that says more than
  // the file holds is none.
  third.reset();
  std::filesystem::resize_file(folder.path() + "/~lock", 100);
  auto fourth = take(folder, 10);
  ASSERT_NE(fourth, nullptr);
  EXPECT_TRUE(fourth->note().empty());
}

TEST(FolderTurn, NoFolderMeansNoTurn) {
  const ScratchFolder folder;
  EXPECT_EQ(wait_folder_turn(folder.path() + "/none", 1000, real_runtime()), nullptr);
}

TEST(FolderTurn, ThreadsExcludeEachOther) {
  const ScratchFolder folder;
  std::atomic<int> inside{0};
  std::atomic<int> turns{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto turn = take(folder, 30'000);
        ASSERT_NE(turn, nullptr);
        ASSERT_EQ(inside.fetch_add(1), 0);
        ++turns;
        inside.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(turns, 400);
}

TEST(FolderTurn, ProcessesExcludeEachOtherAndAllGetOn) {
  struct State {
    std::atomic<int> inside{0};
    std::atomic<int> overlaps{0};
    std::atomic<bool> stop{false};
    std::atomic<int> turns[16]{};
  };
  const ScratchFolder folder;
  Shared<State> state;
  std::vector<pid_t> children;
  for (int p = 0; p < 16; ++p) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      while (!state->stop) {
        const auto turn = take(folder, 10'000);
        if (!turn) continue;
        if (state->inside.fetch_add(1) != 0) ++state->overlaps;
        real_runtime().sleep_ns(300'000);
        ++state->turns[p];
        state->inside.fetch_sub(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  real_runtime().sleep_ns(1'500 * kNsPerMs);
  state->stop = true;
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  EXPECT_EQ(state->overlaps, 0);
  int least = state->turns[0];
  int most = 0;
  for (const auto& turns : state->turns) {
    least = std::min(least, turns.load());
    most = std::max(most, turns.load());
  }
  RecordProperty("least", least);
  RecordProperty("most", most);
  EXPECT_GT(least, 0);
  EXPECT_LT(most, 20 * least + 20);
}

TEST(FolderTurn, HandOverIsQuick) {
  struct State {
    std::atomic<uint64_t> released_ns{0};
    std::atomic<uint64_t> sum_ns{0};
    std::atomic<int> waiting{0};
  };
  const ScratchFolder folder;
  Shared<State> state;
  constexpr int kRounds = 50;
  std::vector<uint64_t> delays;
  for (int round = 0; round < kRounds; ++round) {
    auto turn = take(folder, 1000);
    ASSERT_NE(turn, nullptr);
    state->waiting = 0;
    const pid_t child = fork();
    if (child == 0) {
      alarm(30);
      state->waiting = 1;
      const auto mine = take(folder, 20'000);
      state->sum_ns = real_runtime().monotonic_ns() - state->released_ns;
      _exit(mine ? 0 : 1);
    }
    while (state->waiting == 0) std::this_thread::yield();
    real_runtime().sleep_ns(3 * kNsPerMs);
    state->released_ns = real_runtime().monotonic_ns();
    turn.reset();
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    delays.push_back(state->sum_ns);
  }
  std::sort(delays.begin(), delays.end());
  RecordProperty("median_us", static_cast<int>(delays[kRounds / 2] / 1000));
  // A lost wake would show as the 20 ms of a poll; the bound leaves room for a busy machine.
  EXPECT_LT(delays[kRounds / 2], 5 * kNsPerMs);
}

TEST(FolderTurn, AKilledOwnerFreesItAndItsForkedChildDoesNotHoldIt) {
  const ScratchFolder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t owner = fork();
  if (owner == 0) {
    alarm(60);
    const auto turn = take(folder, 1000);
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      alarm(5);
      pause();  // lives on with copies of everything the owner had
      _exit(0);
    }
    if (turn && write(ready[1], &grandchild, sizeof grandchild) > 0) pause();
    _exit(1);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(read(ready[0], &grandchild, sizeof grandchild), ssize_t{sizeof grandchild});
  close(ready[0]);
  close(ready[1]);
  EXPECT_EQ(take(folder, 30), nullptr);
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  const uint64_t start = real_runtime().monotonic_ns();
  EXPECT_NE(take(folder, 3000), nullptr);
  EXPECT_LT(real_runtime().monotonic_ns() - start, 1000 * kNsPerMs);
  kill(grandchild, SIGKILL);
}

TEST(FolderTurn, AChildsCopyOfATurnGivesNothingBack) {
  const ScratchFolder folder;
  auto turn = take(folder, 1000);
  ASSERT_NE(turn, nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    turn.reset();
    _exit(take(folder, 50) == nullptr ? 0 : 1);  // the parent still holds it
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(FolderTurn, WhoDoesNotWaitDoesNotPassTheOneItWoke) {
  const ScratchFolder folder;
  int hasty = 0, patient = 0;
  // Processes: threads of one have the lock file in common.
  Shared<std::atomic<int>> children;
  const uint64_t end = real_runtime().monotonic_ns() + 500 * kNsPerMs;
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    while (real_runtime().monotonic_ns() < end)
      if (const auto turn = take(folder, 2000)) ++*children.operator->();
    _exit(0);
  }
  while (real_runtime().monotonic_ns() < end) {
    const auto turn = take(folder, 0);
    if (turn == nullptr) continue;
    ++hasty;
    real_runtime().sleep_ns(kNsPerMs);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  patient = *children.operator->();
  EXPECT_GT(patient, hasty / 4);
}

}  // namespace
}  // namespace dreamdb
