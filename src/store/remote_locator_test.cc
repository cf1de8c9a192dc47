#include "store/remote_locator.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

TEST(RemoteLocator, Parts) {
  struct Case {
    const char* url;
    bool has_keys;
    RemoteLocator::Kind kind;
    const char *endpoint, *bucket, *prefix;
  };
  constexpr auto kS3 = RemoteLocator::Kind::kS3;
  constexpr auto kWeb = RemoteLocator::Kind::kWeb;
  for (const Case& c : {
           Case{"s3://bucket", false, kS3, "", "bucket", ""},
           Case{"s3://bucket/a/b/", false, kS3, "", "bucket", "a/b"},
           Case{"http://h:1/bucket/a", true, kS3, "http://h:1", "bucket", "a"},
           Case{"http://h:1/bucket/a", false, kWeb, "http://h:1", "", "bucket/a"},
           Case{"https://h", false, kWeb, "https://h", "", ""},
           Case{"s3+http://h:1/bucket", false, kS3, "http://h:1", "bucket", ""},
           Case{"web+https://h/x", true, kWeb, "https://h", "", "x"},
       }) {
    const auto locator = parse_remote_locator(c.url, c.has_keys);
    ASSERT_TRUE(locator.has_value()) << c.url << ": " << locator.error().message;
    EXPECT_EQ(locator->kind, c.kind) << c.url;
    EXPECT_EQ(locator->endpoint, c.endpoint) << c.url;
    EXPECT_EQ(locator->bucket, c.bucket) << c.url;
    EXPECT_EQ(locator->prefix, c.prefix) << c.url;
  }
}

TEST(RemoteLocator, RefusesWithTheReason) {
  for (const auto& [url, part] :
       std::vector<std::pair<const char*, const char*>>{{"s3://", "names no bucket"},
                                                        {"s3://ab", "no name of a bucket"},
                                                        {"s3://bucket/a//b", "prefix"},
                                                        {"s3://bucket/../x", "prefix"},
                                                        {"s3://bucket/a?x=1", "?"},
                                                        {"s3+http://user:pw", "names no bucket"},
                                                        {"s3+http:///bucket", "names no host"},
                                                        {"http://h/a b", "prefix"},
                                                        {"web+http://h/a/../b", "prefix"},
                                                        {"web+http://me:pw@h/a", "names no host"},
                                                        {"web+ftp://h/a", "no remote store"}}) {
    const auto locator = parse_remote_locator(url, false);
    ASSERT_FALSE(locator.has_value()) << url;
    EXPECT_EQ(locator.error().code, Code::kInvalidArgument) << url;
    EXPECT_NE(locator.error().message.find(part), std::string::npos) << locator.error().message;
  }
}

TEST(RemoteLocator, Commas) {
  EXPECT_EQ(split_commas(" a, b,,c ,"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(split_commas("").empty());
}

TEST(RemoteLocator, TheBudgetOfARequestIsSecondsInAVariable) {
  const auto budget = [](const std::string& text) {
    return request_budget_ns([&](const std::string& name) -> std::string {
      return name == "DREAMDB_TIMEOUT" ? text : "";
    });
  };
  EXPECT_EQ(budget(""), 60'000'000'000u);
  EXPECT_EQ(budget("1"), 1'000'000'000u);
  EXPECT_EQ(budget("3600"), 3'600'000'000'000u);
  for (const char* wrong : {"0", "3601", "-1", "1.5", "5s", " 5", "99999999999999999999"}) {
    const auto refused = budget(wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_NE(refused.error().message.find("DREAMDB_TIMEOUT"), std::string::npos);
  }
}

TEST(RemoteLocator, OpensWithoutARequest) {
  const auto with = [](const std::map<std::string, std::string>& variables) {
    return [variables](const std::string& name) {
      const auto at = variables.find(name);
      return at == variables.end() ? std::string() : at->second;
    };
  };
  const auto aws = open_remote_store("s3://bucket/p", with({}));
  ASSERT_TRUE(aws.has_value()) << aws.error().message;
  EXPECT_EQ((*aws)->describe(), "s3://bucket/p");
  EXPECT_TRUE((*aws)->is_far());
  const auto web = open_remote_store("http://h/bucket/p", with({}));
  ASSERT_TRUE(web.has_value()) << web.error().message;
  EXPECT_EQ((*web)->describe(), "http://h/bucket/p");
  EXPECT_EQ((*web)->place(), "http://h/bucket/p");
  EXPECT_EQ((*web)->dialect().name(), "web");
  const auto below = open_remote_store("web+https://h:1/", with({}), ".dreamdb/doctor/x");
  ASSERT_TRUE(below.has_value()) << below.error().message;
  EXPECT_EQ((*below)->describe(), "https://h:1/.dreamdb/doctor/x");
  const auto bad = open_remote_store("s3://bucket", with({{"AWS_ENDPOINT_URL", "h:1"}}));
  ASSERT_FALSE(bad.has_value());
  EXPECT_NE(bad.error().message.find("\"h:1\""), std::string::npos);
}

}  // namespace
}  // namespace dreamdb
