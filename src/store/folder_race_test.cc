// Many processes on one folder: one winner each round, nothing lost, the dead block nobody.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include "runtime/runtime.h"
#include "store/folder_store.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

constexpr int kProcesses = 16;
const std::string kKey = "refs/main";

std::shared_ptr<Store> open_at(const ScratchFolder& folder) {
  auto store = open_folder_store(folder.path(), false);
  if (!store) _exit(97);
  return *store;
}

// Starts a child that runs `body` and exits with its value.
pid_t start(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(300);  // hangs; a busy machine may hold up a process for minutes
    _exit(body());
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int value_of(const Result<Loaded>& loaded) {
  return loaded ? std::stoi(std::string(loaded->body.view())) : 0;
}

// One increment; true when it took place.
Result<bool> try_increment(Store& store, bool with_turn) {
  const auto turn = with_turn ? store.wait_turn(kKey, 1000) : nullptr;
  const auto loaded = store.load(kKey);
  const auto swapped = store.swap(kKey, loaded ? std::optional(loaded->version) : std::nullopt,
                                  Buffer::copy_of(std::to_string(value_of(loaded) + 1)));
  if (swapped) return true;
  if (swapped.error().code == Code::kConflict) return false;
  return std::unexpected(swapped.error());
}

void increment_in_processes(bool with_turn, int increments) {
  const ScratchFolder folder;
  const ScratchFolder logs;
  const std::string unknown_path = logs.path() + "/unknown";
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    children.push_back(start([&] {
      const auto store = open_at(folder);
      const int unknown = open(unknown_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      for (int done = 0; done < increments;) {
        const auto result = try_increment(*store, with_turn);
        // Whoever is held up while 32 others swap cannot tell whether his own took place.
        const bool is_unknown = !result && result.error().code == Code::kOutcomeUnknown;
        if (is_unknown && write(unknown, "x", 1) != 1) return 2;
        if (!result && !is_unknown) return 1;
        if (result && *result) ++done;
      }
      return 0;
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
  const int value = value_of(open_at(folder)->load(kKey));
  EXPECT_GE(value, kProcesses * increments);
  EXPECT_LE(value,
            kProcesses * increments + static_cast<int>(std::filesystem::file_size(unknown_path)));
}

TEST(FolderRace, NothingIsLostWithTurns) { increment_in_processes(true, 40); }

TEST(FolderRace, NothingIsLostWithoutTurns) { increment_in_processes(false, 20); }

TEST(FolderRace, ExactlyOneWinnerInEachRound) {
  const ScratchFolder folder;
  const auto store = open_at(folder);
  for (int round = 0; round < 30; ++round) {
    const auto before = store->load(kKey);
    const auto expected = before ? std::optional(before->version) : std::nullopt;
    int gate[2];
    ASSERT_EQ(pipe(gate), 0);
    std::vector<pid_t> children;
    for (int p = 0; p < kProcesses; ++p) {
      children.push_back(start([&] {
        close(gate[1]);
        char byte = 0;
        if (read(gate[0], &byte, 1) != 0) return 90;  // all wait until the gate is closed
        const auto mine = open_at(folder);
        const auto result =
            mine->swap(kKey, expected, Buffer::copy_of("writer " + std::to_string(p)));
        return result ? 0 : result.error().code == Code::kConflict ? 1 : 2;
      }));
    }
    close(gate[0]);
    close(gate[1]);
    int winner = -1;
    for (int p = 0; p < kProcesses; ++p) {
      const int code = wait_for(children[static_cast<size_t>(p)]);
      ASSERT_LE(code, 1);
      if (code == 0) {
        EXPECT_EQ(winner, -1) << "two winners in round " << round;
        winner = p;
      }
    }
    ASSERT_NE(winner, -1) << "no winner in round " << round;
    EXPECT_EQ(store->load(kKey)->body.view(), "writer " + std::to_string(winner));
  }
}

TEST(FolderRace, KilledWritersLoseNothingAndBlockNobody) {
  const ScratchFolder folder;
  const ScratchFolder logs;
  constexpr int kKills = 60;
  std::vector<pid_t> children;
  // Each writer notes an increment in its log after it was acknowledged.
  const auto writer = [&](int number) {
    const auto store = open_at(folder);
    const int log = open((logs.path() + "/" + std::to_string(number)).c_str(),
                         O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (true) {
      const auto result = try_increment(*store, number % 2 == 0);
      if (!result) return 1;
      if (*result && write(log, "x", 1) != 1) return 2;
    }
    return 0;
  };
  int next = 0;
  for (int p = 0; p < 4; ++p) {
    children.push_back(start([&, number = next] { return writer(number); }));
    ++next;
  }
  const auto acknowledged = [&] {
    int total = 0;
    for (const auto& log : std::filesystem::directory_iterator(logs.path()))
      total += static_cast<int>(log.file_size());
    return total;
  };
  // However slow the machine is, each kill comes after another increment: writers go on.
  const uint64_t give_up_ns = real_runtime().monotonic_ns() + 60'000'000'000;
  for (int kill_count = 0; kill_count < kKills; ++kill_count) {
    uint64_t pause = 0;
    real_runtime().random(std::as_writable_bytes(std::span(&pause, 1)));
    real_runtime().sleep_ns(pause % 8'000'000);
    while (acknowledged() <= kill_count && real_runtime().monotonic_ns() < give_up_ns)
      real_runtime().sleep_ns(1'000'000);
    pid_t& victim = children[static_cast<size_t>(kill_count) % children.size()];
    kill(victim, SIGKILL);
    EXPECT_EQ(wait_for(victim), 128 + SIGKILL);
    victim = start([&, number = next] { return writer(number); });
    ++next;
  }
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), 128 + SIGKILL);
  }
  const auto store = open_at(folder);
  const int value = value_of(store->load(kKey));
  // A writer may die between its swap and its note, so each may have one more than it noted.
  EXPECT_GE(value, acknowledged());
  EXPECT_LE(value, acknowledged() + next);
  EXPECT_GE(acknowledged(), kKills) << "writers waited for the dead ones";
  EXPECT_NE(store->wait_turn(kKey, 2000), nullptr);
  EXPECT_TRUE(try_increment(*store, true).has_value());
}

}  // namespace
}  // namespace dreamdb
