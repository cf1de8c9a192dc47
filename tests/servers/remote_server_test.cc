// Stores on real servers: what every store must do, and what only a server can show.
//
// DREAMDB_TEST_BUCKET: a bucket, with the AWS_* variables; DREAMDB_TEST_VERSIONED_BUCKET: one that
// keeps versions. DREAMDB_TEST_DAV: the address of a WebDAV server whose conditions hold.
// test_servers.py starts servers and runs this program.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "store/remote_locator.h"
#include "store/remote_store.h"
#include "store/store_conformance.h"

namespace dreamdb {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::shared_ptr<Store> open(const std::string& url) {
  auto opened = open_remote_store(url);
  EXPECT_TRUE(opened.has_value()) << opened.error().message;
  return opened ? *std::move(opened) : nullptr;
}

std::string fresh_prefix() { return "/t/" + random_hex(real_runtime(), 8); }

// The servers that there are.
std::vector<StoreCase> servers() {
  std::vector<StoreCase> cases;
  if (const std::string bucket = variable("DREAMDB_TEST_BUCKET"); !bucket.empty())
    cases.push_back({"s3", [bucket] { return open("s3://" + bucket + fresh_prefix()); }, 900});
  if (const std::string address = variable("DREAMDB_TEST_DAV"); !address.empty())
    cases.push_back(
        {"dav", [address] { return open("web+" + address + fresh_prefix()); }, 900, false});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Servers, StoreConformance, testing::ValuesIn(servers()), store_case_name);

class RealServer : public testing::TestWithParam<StoreCase> {};
INSTANTIATE_TEST_SUITE_P(Servers, RealServer, testing::ValuesIn(servers()), store_case_name);

TEST_P(RealServer, LargeObjectsGoUpAndComeBack) {
  const auto store = GetParam().make();
  std::string body(70 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 2654435761u >> 13);
  const PutRequest request{"segments/large", Buffer::copy_of(body)};
  const Status put = store->put_many(std::span(&request, 1)).front();
  ASSERT_TRUE(put.has_value()) << put.error().message;
  const ReadRequest reads[] = {{"segments/large"}, {"segments/large", 33 << 20, 20 << 20}};
  const auto read = store->read_many(reads);
  ASSERT_TRUE(read[0].has_value()) << read[0].error().message;
  EXPECT_TRUE(read[0]->view() == body);
  EXPECT_TRUE(read[1]->view() == std::string_view(body).substr(33 << 20, 20 << 20));
}

TEST_P(RealServer, ThousandsOfKeysAreListedAndDeleted) {
  const auto store = GetParam().make();
  std::vector<PutRequest> puts;
  std::vector<std::string> keys;
  for (int i = 0; i < 2'345; ++i) {
    keys.push_back("pages/" + std::to_string(100'000 + i));
    puts.push_back({keys.back(), Buffer::copy_of(keys.back())});
  }
  for (const Status& status : store->put_many(puts))
    ASSERT_TRUE(status.has_value()) << status.error().message;
  const auto all = store->list("", "", 10'000);
  ASSERT_TRUE(all.has_value()) << all.error().message;
  EXPECT_EQ(all->objects.size(), keys.size());
  EXPECT_FALSE(all->more);
  for (const Status& status : store->delete_many(keys)) ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(store->list("", "", 10)->objects.empty());
}

TEST_P(RealServer, AChildProcessGoesOnWithConnectionsOfItsOwn) {
  const auto store = GetParam().make();
  ASSERT_TRUE(store->swap("refs/n", std::nullopt, Buffer::copy_of("0")).has_value());
  const pid_t child = fork();
  if (child == 0) {
    const auto loaded = store->load("refs/n");
    const bool done =
        loaded && store->swap("refs/n", loaded->version, Buffer::copy_of("child")).has_value();
    _exit(done ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const auto loaded = store->load("refs/n");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->body.view(), "child");
}

TEST(VersionedBucket, IsRefused) {
  const std::string bucket = variable("DREAMDB_TEST_VERSIONED_BUCKET");
  if (bucket.empty()) GTEST_SKIP() << "DREAMDB_TEST_VERSIONED_BUCKET is not set";
  const auto store = open("s3://" + bucket + fresh_prefix());
  const PutRequest request{"segments/a", Buffer::copy_of("x")};
  ASSERT_TRUE(store->put_many(std::span(&request, 1)).front().has_value());
  const auto swapped = store->swap("refs/main", std::nullopt, Buffer::copy_of("1"));
  ASSERT_FALSE(swapped.has_value());
  EXPECT_EQ(swapped.error().code, Code::kUnsupported) << swapped.error().message;
  EXPECT_NE(swapped.error().message.find("versioning"), std::string::npos);
  const ReadRequest read{"segments/a"};
  EXPECT_EQ(store->read_many(std::span(&read, 1)).front()->view(), "x");
}

}  // namespace
}  // namespace dreamdb

int main(int count, char** words) {
  testing::InitGoogleTest(&count, words);
  if (dreamdb::servers().empty()) {
    std::fputs(
        "skipped: neither DREAMDB_TEST_BUCKET nor DREAMDB_TEST_DAV is set; python3 tools/test.py "
        "tests/servers does\n",
        stderr);
    return 77;
  }
  return RUN_ALL_TESTS();
}
