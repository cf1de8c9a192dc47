// A disk that is full, fails or may not be written to, in the middle of an append to a folder.
//
// What needs root (a small tmpfs, another user) or strace is skipped with its reason without.
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "store/folder_store.h"
#include "store/scratch_folder.h"
#include "tests/model/model.h"

namespace dreamdb {
namespace {

namespace fs = std::filesystem;
using model::row_range;

Result<Dataset> open_at(const std::string& folder) {
  DREAMDB_ASSIGN(const auto store, open_folder_store(folder, false));
  return open_in(model::space_on(store), "main");
}

// A dataset with one commit of ten records.
void make_at(const std::string& folder) {
  auto ds =
      create_in(model::space_on(*open_folder_store(folder, true)), "main", model::full_schema());
  ASSERT_TRUE(ds) << ds.error().message;
  ASSERT_TRUE(ds->append(model::rows_of(row_range(0, 10, 1))));
}

model::State state_at(const std::string& folder) {
  const auto ds = open_at(folder);
  EXPECT_TRUE(ds) << ds.error().message;
  const auto state = model::read_state(*ds);
  EXPECT_TRUE(state) << state.error().message;
  return state ? *state : model::State{};
}

// A file system of its own, a few MB in size.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& options) {
    mounted_ = mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, options.c_str()) == 0;
    if (!mounted_) reason_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }
  const std::string& reason() const { return reason_; }
  const std::string& path() const { return folder_.path(); }

 private:
  ScratchFolder folder_;
  bool mounted_ = false;
  std::string reason_;
};

void fill_up(const std::string& options) {
  const SmallDisk disk(options);
  if (!disk.mounted()) GTEST_SKIP() << "a tmpfs cannot be mounted: " << disk.reason();
  const std::string ballast = disk.path() + "/ballast";  // bytes and inodes to be freed
  fs::create_directory(ballast);
  for (int i = 0; i < 60; ++i) {
    std::ofstream(ballast + "/" + std::to_string(i)) << std::string(10'000, 'x');
  }
  const std::string folder = disk.path() + "/space";
  make_at(folder);
  model::State state = state_at(folder);
  auto ds = open_at(folder);
  ASSERT_TRUE(ds);
  uint64_t batch = 1;
  Error full;
  for (; full.message.empty() && batch < 10'000; ++batch) {
    const auto rows = row_range(batch * 1000, 200, 1);
    const auto report = ds->append(model::rows_of(rows));
    if (report) {
      state.set(rows);
    } else {
      full = report.error();
    }
  }
  EXPECT_EQ(full.code, Code::kExhausted) << full.message;
  EXPECT_NE(full.message.find(disk.path()), std::string::npos) << full.message;
  EXPECT_NE(full.message.find("free space"), std::string::npos) << full.message;
  std::cout << "full after " << batch - 1 << " commits: " << full.message << "\n";
  EXPECT_EQ(model::read_state(*ds).value_or(model::State{}), state) << "through the old handle";
  EXPECT_EQ(state_at(folder), state) << "opened anew on the full disk";
  // Space is made, and the same append works.
  fs::remove_all(ballast);
  const auto rows = row_range((batch - 1) * 1000, 200, 1);
  const auto report = ds->append(model::rows_of(rows));
  ASSERT_TRUE(report) << report.error().message;
  state.set(rows);
  EXPECT_EQ(state_at(folder), state);
}

TEST(FullDisk, IsToldAndLosesNothing) { fill_up("size=3m"); }

TEST(FullDisk, WithoutFreeInodesToo) { fill_up("size=64m,nr_inodes=200"); }

// Runs `body` in a child under another user; its exit status.
int as_nobody(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(77);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The error names the path, and its code is the one wanted: 0; else says so and gives 1.
int expect_denied(const Status& status, const std::string& path) {
  if (!status && status.error().code == Code::kDenied &&
      status.error().message.find(path) != std::string::npos)
    return 0;
  std::cerr << "expected Denied with " << path
            << ", found: " << (status ? "success" : status.error().message) << "\n";
  return 1;
}

Status ok_of(const auto& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

TEST(NoPermission, IsToldAndTheDataStaysReadable) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can act as another user";
  const ScratchFolder scratch;
  chmod(scratch.path().c_str(), 0755);
  const std::string folder = scratch.path() + "/space";
  make_at(folder);
  const model::State state = state_at(folder);
  // A reader that may not write reads all the same.
  EXPECT_EQ(as_nobody([&] {
              auto ds = open_at(folder);
              if (!ds) return 2;
              if (model::read_state(*ds).value_or(model::State{}) != state) return 3;
              return expect_denied(ok_of(ds->append(model::rows_of(row_range(50, 2, 1)))), folder);
            }),
            0);
  EXPECT_EQ(as_nobody([&] {
              return expect_denied(ok_of(Dataset::create("file://" + scratch.path() + "/other",
                                                         model::full_schema())),
                                   scratch.path());
            }),
            0);
  chmod((folder + "/segments").c_str(), 0700);
  EXPECT_EQ(as_nobody([&] {
              const auto ds = open_at(folder);
              return ds ? expect_denied(ok_of(model::read_state(*ds)), folder) : 2;
            }),
            0);
  chmod(folder.c_str(), 0700);
  EXPECT_EQ(as_nobody([&] { return expect_denied(ok_of(open_at(folder)), folder); }), 0);
  EXPECT_EQ(state_at(folder), state);
}

// One append in a child under strace, which makes a system call fail; the child says how it went.
struct Injected {
  int status = -1;
  std::string output;
};

Injected append_under_strace(const std::string& folder, const std::string& injection,
                             const std::string& key = "''") {
  const std::string command =
      // The leak checker cannot work in a traced process.
      "ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null -e trace=" +
      injection.substr(0, injection.find(':')) + " -e inject=" + injection + " /proc/" +
      std::to_string(getpid()) + "/exe --append " + folder + " " + key + " 2>&1";
  Injected out;
  FILE* const pipe = popen(command.c_str(), "r");
  char piece[256];
  while (fgets(piece, sizeof(piece), pipe) != nullptr) out.output += piece;
  const int status = pclose(pipe);
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return out;
}

// Whatever call fails, the append is told so and the version before stays, or it took place whole.
TEST(FailingDisk, EachCallOfAnAppendIsToldOrHarmless) {
#ifdef DREAMDB_SANITIZE_ADDRESS
  GTEST_SKIP() << "the sanitizer's own calls of write would fail; the plain build runs this";
#endif
  if (std::system("strace -o /dev/null true 2>/dev/null") != 0)
    GTEST_SKIP() << "strace is not there, or may not trace";
  uint64_t points = 0, errors = 0;
  for (const std::string call : {"fsync", "write", "renameat2,rename", "link", "mkdir"}) {
    for (const std::string number : {"EIO", "ENOSPC"}) {
      // Counted for each thread; the syncs of one wave are spread over several.
      for (const int when : {1, 2, 3, 4, 5, 6, 9, 17, 25, 33}) {
        ++points;
        const ScratchFolder scratch;
        const std::string folder = scratch.path() + "/space";
        make_at(folder);
        const model::State before = state_at(folder);
        model::State after = before;
        after.set(row_range(100, 5, 1));
        std::string injection = call;
        injection.append(":error=").append(number).append(":when=").append(std::to_string(when));
        SCOPED_TRACE(injection);
        const Injected run = append_under_strace(folder, injection);
        const model::State found = state_at(folder);
        if (run.status == 0) {
          EXPECT_EQ(found, after) << run.output;
          continue;
        }
        ++errors;
        ASSERT_EQ(run.status, 1) << run.output;
        const bool unknown = run.output.starts_with("OutcomeUnknown");
        EXPECT_TRUE(found == before || (unknown && found == after)) << run.output;
        EXPECT_TRUE(run.output.find(folder) != std::string::npos || unknown) << run.output;
        EXPECT_TRUE(run.output.starts_with(number == "EIO" ? "Unavailable" : "Exhausted") ||
                    unknown)
            << run.output;
        auto ds = open_at(folder);
        ASSERT_TRUE(ds && ds->append(model::rows_of(row_range(100, 5, 1))));
        EXPECT_EQ(state_at(folder), after);
      }
    }
  }
  EXPECT_GT(errors, 20u);
  std::cout << points << " failing calls, " << errors << " told as errors\n";
}

// The directory of a ref cannot be synced: the swap is visible and may yet be lost in a power cut,
// so nobody is told that it is committed.
TEST(FailingDisk, ASwapThatIsNotSyncedIsNotAcknowledged) {
  if (std::system("strace -o /dev/null true 2>/dev/null") != 0)
    GTEST_SKIP() << "strace is not there, or may not trace";
  const ScratchFolder scratch;
  const std::string folder = scratch.path() + "/space";
  make_at(folder);
  // The calls are counted for each thread; the swap's directory is synced by the first one, last of
  // all it syncs. How many syncs of the objects fall to it differs from run to run.
  constexpr int kRounds = 5;
  constexpr int kSyncsMax = 20;
  bool seen = false;
  for (int round = 0; round < kRounds && !seen; ++round) {
    for (int first = 1; first < kSyncsMax && !seen; ++first) {
      const Injected run =
          append_under_strace(folder, "fsync:error=EIO:when=" + std::to_string(first) + "+");
      ASSERT_TRUE(run.status == 1 || (run.status == 0 && first > 1)) << run.output;
      seen = run.output.starts_with("OutcomeUnknown");
    }
  }
  EXPECT_TRUE(seen) << "no failing sync made the outcome unknown";
}

// A failing call does not show what is not called: a power cut would lose what has its name before
// it is on the disk, and a swap that names it.
TEST(FailingDisk, WhatIsNamedIsOnTheDiskBeforeAndItsNameIsBeforeTheSwap) {
  if (std::system("strace -o /dev/null true 2>/dev/null") != 0)
    GTEST_SKIP() << "strace is not there, or may not trace";
  const ScratchFolder scratch;
  const std::string folder = scratch.path() + "/space", trace = scratch.path() + "/trace";
  make_at(folder);
  const std::string command = "ASAN_OPTIONS=detect_leaks=0 strace -f -y -o " + trace +
                              " -e trace=fsync,link,rename /proc/" + std::to_string(getpid()) +
                              "/exe --append " + folder + " ''";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::set<std::string> synced;    // files and folders
  std::set<std::string> unsynced;  // folders with names that are not on the disk
  size_t objects = 0, swaps = 0;
  std::ifstream lines(trace);
  for (std::string line; std::getline(lines, line);) {
    if (const size_t at = line.find("fsync("); at != std::string::npos) {
      const size_t from = line.find('<', at) + 1;
      const std::string path = line.substr(from, line.find('>', from) - from);
      synced.insert(path);
      unsynced.erase(path);
      continue;
    }
    const bool is_link = line.find("link(\"") != std::string::npos;
    if (!is_link && line.find("rename(\"") == std::string::npos) continue;
    const size_t from = line.find('"') + 1, from_end = line.find('"', from);
    const size_t to = line.find('"', from_end + 1) + 1;
    const std::string temporary = line.substr(from, from_end - from);
    const std::filesystem::path name = line.substr(to, line.find('"', to) - to);
    EXPECT_TRUE(synced.contains(temporary)) << line;
    const bool is_swap = name.string().find("/.swap/") != std::string::npos;
    const bool is_copy = name.extension() == ".ref";  // for whoever looks: the swap's file counts
    if (is_swap || is_copy) {
      EXPECT_TRUE(unsynced.empty()) << *unsynced.begin() << " before " << line;
    }
    if (is_copy) continue;
    unsynced.insert(name.parent_path());
    ++(is_swap ? swaps : objects);
  }
  EXPECT_TRUE(unsynced.empty()) << *unsynced.begin();
  EXPECT_GT(objects, 3u);
  EXPECT_EQ(swaps, 1u);
}

// Who finds its rows or its key in the dataset does not know whether their writer lived to sync
// the names.
TEST(FailingDisk, WhatIsThereAlreadyIsSyncedBeforeItIsAcknowledged) {
  if (std::system("strace -o /dev/null true 2>/dev/null") != 0)
    GTEST_SKIP() << "strace is not there, or may not trace";
  for (const std::string key : {"key", "''"}) {
    SCOPED_TRACE(key);
    const ScratchFolder scratch;
    const std::string folder = scratch.path() + "/space";
    make_at(folder);
    const std::string no_call_fails = "fsync:error=EIO:when=60000";
    ASSERT_EQ(append_under_strace(folder, no_call_fails, key).status, 0);
    const Injected failed = append_under_strace(folder, "fsync:error=EIO:when=1+", key);
    EXPECT_EQ(failed.status, 1);
    EXPECT_TRUE(failed.output.starts_with("Unavailable")) << failed.output;
    const Injected again = append_under_strace(folder, no_call_fails, key);
    EXPECT_EQ(again.status, 0) << again.output;
    EXPECT_EQ(open_at(folder)->count(), 15u);
  }
}

}  // namespace

}  // namespace dreamdb
