// Uploads to servers, or proxies, that answer with what is no answer: nothing counts as stored that
// the server did not say it has.
#include <gtest/gtest.h>

#include "store/remote_testing.h"

namespace dreamdb {
namespace {

using Headers = std::map<std::string, std::string>;

HttpReply reply(int status, const std::string& body = "", const Headers& headers = {}) {
  HttpReply made;
  made.status = status;
  made.body = Buffer::copy_of(body);
  made.headers = headers;
  made.endpoint = "http://fake:80";
  return made;
}

struct Misanswer {
  HttpReply reply;
  std::string said;  // of it in the error
};

std::vector<Misanswer> misanswers() {
  const std::string error = "<Error><Code>InternalError</Code><Message>Not now</Message></Error>";
  return {{reply(202), "HTTP 202"},
          {reply(202, "", {{"etag", "\"a\""}}), "HTTP 202"},
          {reply(204), "HTTP 204"},
          {reply(200, error), "InternalError: Not now"},
          {reply(200, error, {{"etag", "\"a\""}}), "InternalError: Not now"},
          {reply(200, "<html>Log in</html>"), "a page for people"},
          {reply(200), "without an ETag"}};
}

// What writes below `path` is answered so.
FakeS3Quirks answering(const HttpReply& reply, const std::string& path) {
  return {.instead = [=](const HttpAttempt& attempt) -> std::optional<HttpReply> {
    const bool writes = attempt.method == "PUT" || attempt.method == "POST";
    return writes && attempt.url.find(path) != std::string::npos ? std::optional(reply)
                                                                 : std::nullopt;
  }};
}

Status put(const Remote& r, const std::string& key, std::string body) {
  const PutRequest request{key, Buffer::adopt(std::move(body))};
  return r.store->put_many(std::span(&request, 1)).front();
}

void expect_not_stored(const Status& status, const std::string& said) {
  ASSERT_FALSE(status) << said;
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  for (const std::string& part :
       {said, std::string("s/a in s3://bucket/data/pets"), std::string("nothing was committed")})
    EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
}

TEST(Upload, WhatIsMisansweredIsNotStored) {
  for (const auto& [answer, said] : misanswers()) {
    const Remote r = remote(answering(answer, "/s/a"));
    expect_not_stored(put(r, "s/a", "x"), said);
    EXPECT_TRUE(r.server->objects().empty());
  }
}

TEST(Upload, WhatIsMisansweredOnceIsSentAgain) {
  for (const auto& [answer, said] : misanswers()) {
    const Remote r = remote();
    r.server->answer({answer});
    if (said == "without an ETag") continue;  // looked for instead
    EXPECT_TRUE(put(r, "s/a", "x")) << said;
    EXPECT_EQ(r.server->take_attempts().size(), 2u) << said;
  }
}

TEST(Upload, WithoutATagTheObjectItselfConfirms) {
  const Remote r = remote({.no_tags = true});
  for (const std::string& body : {std::string("hello"), std::string()}) {
    ASSERT_TRUE(put(r, "s/a", body));
    const auto attempts = r.server->take_attempts();
    ASSERT_EQ(attempts.size(), 2u);
    EXPECT_EQ(attempts[1].method, "GET");
  }
  const Remote tagged = remote();
  ASSERT_TRUE(put(tagged, "s/a", "hello"));
  EXPECT_EQ(tagged.server->take_attempts().size(), 1u);
}

TEST(Upload, AnotherSizeConfirmsNothing) {
  const Remote r = remote();
  ASSERT_TRUE(put(r, "s/a", "hello"));
  r.server->answer({reply(200)});
  expect_not_stored(put(r, "s/a", "hello, world"), "the object has 5 bytes, not 12");
}

TEST(Upload, PartsThatAreMisansweredAreNotJoined) {
  for (const auto& [answer, said] : misanswers()) {
    const Remote r = remote(answering(answer, "partNumber="));
    expect_not_stored(put(r, "s/a", std::string(33 << 20, 'x')), said);
    EXPECT_EQ(r.server->take_attempts().back().method, "DELETE") << said;
    EXPECT_TRUE(r.server->objects().empty());
  }
}

TEST(Upload, ACutNamesTheBytesAndTheLikelyCause) {
  HttpReply cut;
  cut.failure = HttpFailure::kCut;
  cut.what = "PUT http://fake:80/bucket/data/pets/s/a: Broken pipe";
  cut.request_bytes = 1 << 20;
  const Remote r = remote(answering(cut, "/s/a"));
  const Status large = put(r, "s/a", std::string(1 << 20, 'x'));
  expect_not_stored(large, "the connection was cut while its 1048576 bytes were uploaded");
  EXPECT_NE(large.error().message.find("limit on the size of a body"), std::string::npos);
  EXPECT_NE(large.error().message.find("Broken pipe"), std::string::npos);
  EXPECT_EQ(large.error().message.find("may have happened"), std::string::npos);
  cut.request_bytes = 100;
  r.server->set(answering(cut, "/s/a"));
  const Status small = put(r, "s/a", std::string(100, 'x'));
  expect_not_stored(small, "its 100 bytes were uploaded");
  EXPECT_EQ(small.error().message.find("limit on"), std::string::npos);
  cut.failure = HttpFailure::kTimeout;
  r.server->set(answering(cut, "/s/a"));
  expect_not_stored(put(r, "s/a", "x"), "DREAMDB_TIMEOUT");
}

// Under a condition nothing is sent again, and what is there decides.
TEST(Upload, ASwapThatIsMisansweredIsNotDone) {
  for (const auto& [answer, said] : misanswers()) {
    const Remote r = remote();
    const auto first = r.store->swap("refs/a", std::nullopt, Buffer::copy_of("1"));
    ASSERT_TRUE(first);
    r.server->set(answering(answer, "/refs/a"));
    const auto swapped = r.store->swap("refs/a", *first, Buffer::copy_of("2"));
    ASSERT_FALSE(swapped) << said;
    EXPECT_EQ(swapped.error().code, Code::kOutcomeUnknown);
    EXPECT_NE(swapped.error().message.find(said), std::string::npos) << swapped.error().message;
    EXPECT_EQ(r.store->load("refs/a")->body.view(), "1");
  }
}

}  // namespace
}  // namespace dreamdb
