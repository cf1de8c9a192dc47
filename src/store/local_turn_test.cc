// Turns of one machine for stores elsewhere: who waits, and folders that must not be trusted.
#include "store/local_turn.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "store/remote_testing.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

class LocalTurn : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TMPDIR", scratch_.path().c_str(), 1);
    unsetenv("XDG_RUNTIME_DIR");
  }
  void TearDown() override { unsetenv("TMPDIR"); }

  std::string folder() const { return scratch_.path() + "/dreamdb-" + std::to_string(geteuid()); }

  const ScratchFolder scratch_;
  Runtime& runtime_ = real_runtime();
};

TEST_F(LocalTurn, OneAtATimeForEachName) {
  auto held = wait_local_turn("a", 0, runtime_);
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(wait_local_turn("a", 1, runtime_), nullptr);
  EXPECT_NE(wait_local_turn("b", 0, runtime_), nullptr);
  held.reset();
  EXPECT_NE(wait_local_turn("a", 100, runtime_), nullptr);
}

TEST_F(LocalTurn, ProcessesWaitForEachOther) {
  auto held = wait_local_turn("a", 0, runtime_);
  ASSERT_NE(held, nullptr);
  const pid_t child = fork();
  if (child == 0) _exit(wait_local_turn("a", 1, real_runtime()) == nullptr ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(LocalTurn, AFolderThatOthersMayWriteToIsNotUsed) {
  std::filesystem::create_directory(scratch_.path() + "/elsewhere");
  std::filesystem::create_directory_symlink(scratch_.path() + "/elsewhere", folder());
  EXPECT_EQ(wait_local_turn("a", 0, runtime_), nullptr);
  std::filesystem::remove(folder());
  std::filesystem::create_directory(folder());
  std::filesystem::permissions(folder(), std::filesystem::perms::all);
  EXPECT_EQ(wait_local_turn("a", 0, runtime_), nullptr);
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path() + "/elsewhere"));
}

TEST_F(LocalTurn, WithoutAFolderThereIsNoHint) {
  setenv("TMPDIR", "/no/such/folder", 1);
  EXPECT_EQ(wait_local_turn("a", 0, runtime_), nullptr);
}

TEST_F(LocalTurn, ARemoteStoreHasThem) {
  const Remote one = remote();
  const Remote same = remote({}, "bucket", one.server);
  const Remote other = remote({}, "bucket", one.server, "other");
  const auto held = one.store->wait_turn("refs/main", 0);
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(same.store->wait_turn("refs/main", 1), nullptr);
  EXPECT_NE(same.store->wait_turn("refs/exp", 0), nullptr);
  EXPECT_NE(other.store->wait_turn("refs/main", 0), nullptr);
}

}  // namespace
}  // namespace dreamdb
