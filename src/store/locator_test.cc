// Locators, ref names, and opening stores by URL.
#include "store/locator.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

void expect_locator(std::string_view text, std::string_view url, std::string_view ref) {
  const auto locator = parse_locator(text);
  ASSERT_TRUE(locator.has_value()) << text << ": " << locator.error().message;
  EXPECT_EQ(locator->store_url, url) << text;
  EXPECT_EQ(locator->ref, ref) << text;
}

void expect_refused(std::string_view text, Code code, std::string_view part) {
  const auto locator = parse_locator(text);
  ASSERT_FALSE(locator.has_value()) << text;
  EXPECT_EQ(locator.error().code, code) << text;
  EXPECT_NE(locator.error().message.find(part), std::string::npos) << locator.error().message;
}

TEST(Locator, SplitsUrlAndRef) {
  expect_locator("file:///data/pets@v1", "file:///data/pets", "v1");
  expect_locator("file:///data/pets", "file:///data/pets", "main");
  expect_locator("file:///data/pets@main@v1", "file:///data/pets", "main@v1");
  expect_locator("file:///data/pets@exp/run-1", "file:///data/pets", "exp/run-1");
  expect_locator("file://localhost/data@x", "file://localhost/data", "x");
  expect_locator("file:///home/a%40b/pets@x", "file:///home/a%40b/pets", "x");
  expect_locator("memory://pets@main@v1", "memory://pets", "main@v1");
  expect_locator("memory://", "memory://", "main");
}

TEST(Locator, KeepsUrlsOfRemoteStores) {
  expect_locator("s3://bucket/pre/fix@v1", "s3://bucket/pre/fix", "v1");
  expect_locator("s3://bucket", "s3://bucket", "main");
  expect_locator("http://127.0.0.1:80/bucket/p@main@v1", "http://127.0.0.1:80/bucket/p", "main@v1");
  expect_locator("s3+https://[::1]:9/bucket@x", "s3+https://[::1]:9/bucket", "x");
}

TEST(Locator, TakesPlainPaths) {
  const std::string here = std::filesystem::current_path().string();
  expect_locator("/data/pets", "file:///data/pets", "main");
  expect_locator("/data/./x/../pets/@v1", "file:///data/pets", "v1");
  expect_locator("./pets@v1", "file://" + here + "/pets", "v1");
  expect_locator("pets", "file://" + here + "/pets", "main");
  expect_locator("/data/a%40b@v1", "file:///data/a%40b", "v1");
}

TEST(Locator, RefusesWithTheReason) {
  expect_refused("", Code::kInvalidArgument, "empty");
  expect_refused("file://rel/pets", Code::kInvalidArgument, "relative");
  expect_refused("file://", Code::kInvalidArgument, "relative");
  expect_refused("s3:///prefix@main", Code::kInvalidArgument, "names no bucket");
  expect_refused("s3://b/prefix@main", Code::kInvalidArgument, "no name of a bucket");
  expect_refused("https:///bucket", Code::kInvalidArgument, "names no host");
  expect_refused("ftp://host/x", Code::kInvalidArgument, "ftp://");
  expect_refused("memory://a b", Code::kInvalidArgument, "name");
  expect_refused("/data/pets@", Code::kInvalidArgument, "ref name");
  expect_refused("/data/pets@Main", Code::kInvalidArgument, "ref name");
  expect_refused("/data/pets@a//b", Code::kInvalidArgument, "ref name");
  expect_refused("/data/pets@../x", Code::kInvalidArgument, "ref name");
  expect_refused(std::string_view("/da\0ta", 6), Code::kInvalidArgument, "zero byte");
}

TEST(Locator, RefNames) {
  for (const char* name : {"main", "main@v1", "a/b/c", "x_y-z0", "@", "-"}) {
    EXPECT_TRUE(check_ref_name(name).has_value()) << name;
  }
  EXPECT_TRUE(check_ref_name(std::string(64, 'a')).has_value());
  EXPECT_FALSE(check_ref_name(std::string(65, 'a')).has_value());
  std::string deep = "a";
  for (int i = 1; i < 16; ++i) deep += "/a";
  EXPECT_TRUE(check_ref_name(deep).has_value());
  EXPECT_FALSE(check_ref_name(deep + "/a").has_value());
  for (const char* name : {"", "/", "a/", "/a", "A", "a.b", "a b", "..", "\xc3\xa4"}) {
    EXPECT_FALSE(check_ref_name(name).has_value()) << name;
  }
}

TEST(Locator, OpensStores) {
  const ScratchFolder folder;
  const std::string url = "file://" + folder.path() + "/a%40b/deep";
  const auto absent = open_store(url, false);
  ASSERT_FALSE(absent.has_value());
  EXPECT_EQ(absent.error().code, Code::kNotFound);
  EXPECT_NE(absent.error().message.find("not there"), std::string::npos);
  ASSERT_TRUE(open_store(url, true).has_value());
  EXPECT_TRUE(std::filesystem::is_directory(folder.path() + "/a@b/deep"));
  EXPECT_TRUE(open_store(folder.path(), false).has_value());  // a plain path
  EXPECT_EQ(open_store("s3://b", true).error().code, Code::kInvalidArgument);

  const auto memory = open_store("memory://locator-test", false);
  ASSERT_TRUE(memory.has_value());
  ASSERT_TRUE((*memory)->swap("refs/main", std::nullopt, Buffer::copy_of("x")).has_value());
  const auto same = open_store("memory://locator-test", false);
  EXPECT_EQ((*same)->load("refs/main")->body.view(), "x");
  const auto other = open_store("memory://locator-other", false);
  EXPECT_FALSE((*other)->load("refs/main").has_value());
}

}  // namespace
}  // namespace dreamdb
