#include "store/remote_locator.h"

#include <gtest/gtest.h>

#include "store/locator.h"

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
                                                        {"s3+http://h:1", "names no bucket"},
                                                        {"http://h:65536/b", "65535"},
                                                        {"http://[::1]:x/b", "65535"},
                                                        {"s3+http:///bucket", "names no host"},
                                                        {"http://h/a b", "prefix"},
                                                        {"web+http://h/a/../b", "prefix"},
                                                        {"web+http://me@h/a", "names no host"},
                                                        {"web+ftp://h/a", "no remote store"}}) {
    const auto locator = parse_remote_locator(url, false);
    ASSERT_FALSE(locator.has_value()) << url;
    EXPECT_EQ(locator.error().code, Code::kInvalidArgument) << url;
    EXPECT_NE(locator.error().message.find(part), std::string::npos) << locator.error().message;
  }
}

TEST(RemoteLocator, APasswordIsRefusedAndNeverShown) {
  for (const char* url :
       {"http://ab:hush@host/bucket/p", "https://ab:hush@host:9000/bucket/p@main",
        "s3+http://ab:hush@127.0.0.1/bucket", "web+http://ab:hush@host/a", "s3://ab:hush@bucket/p",
        "s3://ab:hush/p", "http://ab:hush", "http://ab:hu/sh@host/bucket", "http://ab:0815@h.de/x",
        "http://ab:4711@host:80/bucket"}) {
    const auto parsed = parse_locator(url);
    ASSERT_FALSE(parsed) << url;
    const std::string& message = parsed.error().message;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
    EXPECT_NE(message.find("AWS_SECRET_ACCESS_KEY"), std::string::npos) << message;
    for (const char* secret : {"hu", "0815", "4711"})
      EXPECT_EQ(message.substr(0, message.find("(not")).find(secret), std::string::npos) << message;
  }
  for (const char* url : {"http://host:80@main", "https://[::1]:9/b@x", "s3://bucket@main@v1"})
    EXPECT_TRUE(parse_locator(url)) << url;
}

TEST(RemoteLocator, WhatFollowsAQuestionMarkIsRefusedAndNeverShown) {
  for (const char* url :
       {"web+http://h/wp?X-Amz-Signature=hush", "http://h/wp?X-Amz-Signature=hush@main",
        "s3://bucket/p?sig=hush", "s3://bucket/p#hush", "https://h?sig=hush",
        "https://h?sig=a:hush", "s3+http://h/bucket?user=a@hush/x!", "gs://bucket/p?sig=hush",
        "gs://bucket/p?a@hush!"}) {
    const auto parsed = parse_locator(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
    EXPECT_EQ(parsed.error().message.find("hush"), std::string::npos) << parsed.error().message;
    const auto opened = open_store(url, false);
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().message.find("hush"), std::string::npos) << opened.error().message;
  }
  const std::string message = parse_locator("https://h/wp?sig=hush").error().message;
  EXPECT_NE(message.find("\"https://h/wp?...\" has a ? or #"), std::string::npos) << message;
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
  for (const char* region : {"eu west", "us-east-1/", "-x", "a\n"}) {
    const auto odd = open_remote_store("s3://bucket", with({{"AWS_REGION", region}}));
    ASSERT_FALSE(odd.has_value()) << region;
    EXPECT_EQ(odd.error().code, Code::kInvalidArgument);
    EXPECT_NE(odd.error().message.find("is no name of a region; set AWS_REGION"),
              std::string::npos);
  }
  const auto bad = open_remote_store("s3://bucket", with({{"AWS_ENDPOINT_URL", "h:1"}}));
  ASSERT_FALSE(bad.has_value());
  EXPECT_NE(bad.error().message.find("\"h:1\""), std::string::npos);
  const auto is_signed =
      open_remote_store("s3://bucket", with({{"AWS_ENDPOINT_URL", "http://h:1/?sig=hush"}}));
  ASSERT_FALSE(is_signed.has_value());
  EXPECT_EQ(is_signed.error().message.find("hush"), std::string::npos);
}

// What is kept on disk of a bucket is found again by whichever way it is reached.
TEST(RemoteLocator, EndpointsAreNoPartOfTheIdentity) {
  const auto identity = [](const char* url, const std::string& endpoints) {
    const auto store = open_remote_store(url, [&](const std::string& name) -> std::string {
      return name == "AWS_ENDPOINT_URL" ? endpoints : "";
    });
    EXPECT_TRUE(store) << store.error().message;
    return (*store)->identity();
  };
  const std::string one = identity("s3://bucket/p", "http://a:1");
  for (const char* endpoints : {"http://a:1,http://b:1", "http://b:1,http://a:1", "http://b:1"})
    EXPECT_EQ(identity("s3://bucket/p", endpoints), one);
  EXPECT_EQ(identity("s3+http://a:1/bucket/p", ""), one);
  for (const char* other : {"s3://bucket/q", "s3://bucket", "s3://basket/p", "web+http://a:1/p"})
    EXPECT_NE(identity(other, "http://a:1"), one);
  EXPECT_NE(identity("web+http://a:1/p", ""), identity("web+http://b:1/p", ""));
}

}  // namespace
}  // namespace dreamdb
