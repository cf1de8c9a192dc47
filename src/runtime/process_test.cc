// What is told of processes, by a child that lives and dies.
#include "runtime/process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dreamdb {
namespace {

TEST(Process, AScopeIsOneForAllProcessesHere) {
  const std::string scope = process_scope();
  EXPECT_EQ(scope.size(), 8u);
  EXPECT_EQ(scope.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(scope, "00000000");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string own = process_scope();
    _exit(write(ends[1], own.data(), own.size()) == 8 ? 0 : 1);
  }
  std::string told(8, '\0');
  EXPECT_EQ(read(ends[0], told.data(), told.size()), 8);
  EXPECT_EQ(told, scope);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  close(ends[0]);
  close(ends[1]);
}

TEST(Process, TheDeadAreToldFromTheLiving) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    char end;
    close(ends[1]);
    _exit(static_cast<int>(read(ends[0], &end, 1)));
  }
  EXPECT_TRUE(process_is_alive(static_cast<uint32_t>(child)));
  close(ends[1]);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(process_is_alive(static_cast<uint32_t>(child)));
  close(ends[0]);
  EXPECT_TRUE(process_is_alive(process_id()));
  EXPECT_TRUE(process_is_alive(1));
  EXPECT_FALSE(process_is_alive(0));
  EXPECT_FALSE(process_is_alive(UINT32_MAX));
}

TEST(Process, TheHostHasAName) { EXPECT_FALSE(host_name().empty()); }

}  // namespace
}  // namespace dreamdb
