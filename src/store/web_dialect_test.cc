// Requests to web servers as they are built, and what the replies mean; no server needed.
#include "store/web_dialect.h"

#include <gtest/gtest.h>

#include <limits>

namespace dreamdb {
namespace {

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
const std::string kHost = "http://h:80";

HttpAttempt attempt(const HttpJob& job, uint64_t received = 0) {
  const auto built = job.prepare({kHost, 0, received});
  EXPECT_TRUE(built.has_value());
  return built ? *built : HttpAttempt{};
}

std::string header(const HttpAttempt& attempt, const std::string& name) {
  for (const std::string& line : attempt.headers)
    if (line.starts_with(name + ": ")) return line.substr(name.size() + 2);
  return "absent";
}

HttpReply reply(int status, const std::string& body = "",
                const std::map<std::string, std::string>& headers = {}) {
  HttpReply given;
  given.status = status;
  given.endpoint = kHost;
  given.body = Buffer::copy_of(body);
  given.headers = headers;
  return given;
}

class WebDialectTest : public testing::Test {
 public:
  void expect_error(const HttpReply& reply, std::string_view act, Code code,
                    std::string_view part) {
    const Status status = web.status_of(reply, act, act == "list" ? "" : "segments/x");
    ASSERT_FALSE(status.has_value()) << part;
    EXPECT_EQ(status.error().code, code) << status.error().message;
    EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
    EXPECT_NE(status.error().message.find("http://h:80/data/pets"), std::string::npos)
        << status.error().message;
  }

  WebDialect web{kHost, "data/pets"};
};

TEST_F(WebDialectTest, Reads) {
  const HttpAttempt ref = attempt(web.get("refs/main@v1", true, 0, kAll));
  EXPECT_EQ(ref.method, "GET");
  EXPECT_EQ(ref.url, "http://h:80/data/pets/refs/main%40v1.ref");
  EXPECT_EQ(header(ref, "range"), "absent");
  EXPECT_EQ(header(ref, "cache-control"), "no-cache");
  const HttpJob range = web.get("segments/x", false, 100, 50);
  EXPECT_EQ(attempt(range).url, "http://h:80/data/pets/segments/x");
  EXPECT_EQ(header(attempt(range), "range"), "bytes=100-149");
  EXPECT_EQ(header(attempt(range, 10), "range"), "bytes=110-149");
  EXPECT_EQ(header(attempt(range), "cache-control"), "absent");
  EXPECT_TRUE(range.resume && range.hedge);
  EXPECT_FALSE(web.get("refs/main", true, 0, kAll).resume);
  EXPECT_EQ(attempt(WebDialect(kHost, "").get("a", false, 0, kAll)).url, "http://h:80/a");
}

TEST_F(WebDialectTest, Writes) {
  const Buffer body = Buffer::copy_of("abc");
  const HttpJob plain = web.put("segments/x", false, body, {}, EtagStyle::kQuoted);
  EXPECT_EQ(plain.repeat, Repeat::kIdempotent);
  EXPECT_EQ(attempt(plain).method, "PUT");
  EXPECT_EQ(header(attempt(plain), "if-match"), "absent");
  const HttpJob absent =
      web.put("refs/a", true, body, {WriteCondition::Kind::kAbsent}, EtagStyle::kQuoted);
  EXPECT_EQ(absent.repeat, Repeat::kNever);
  EXPECT_EQ(header(attempt(absent), "if-none-match"), "*");
  EXPECT_EQ(attempt(absent).url, "http://h:80/data/pets/refs/a.ref");
  const WriteCondition match{WriteCondition::Kind::kMatch, "tag"};
  EXPECT_EQ(header(attempt(web.put("r", true, body, match, EtagStyle::kQuoted)), "if-match"),
            "\"tag\"");
  EXPECT_EQ(header(attempt(web.put("r", true, body, match, EtagStyle::kPlain)), "if-match"), "tag");
  EXPECT_EQ(header(attempt(web.remove("d", false)), "depth"), "0");
}

TEST_F(WebDialectTest, AWriteMakesTheFoldersThatAreMissing) {
  const auto next = [](const HttpJob& job, int status) {
    EXPECT_TRUE(job.is_transient(reply(status))) << status;
    const HttpAttempt made = attempt(job);
    return made.method + " " + made.url.substr(kHost.size());
  };
  const HttpJob job = web.put("a/b", false, Buffer::copy_of("x"), {}, EtagStyle::kQuoted);
  EXPECT_EQ(attempt(job).method, "PUT");
  EXPECT_EQ(next(job, 409), "MKCOL /data/pets/a/");
  EXPECT_EQ(next(job, 409), "MKCOL /data/pets/");
  EXPECT_EQ(next(job, 409), "MKCOL /data/");
  EXPECT_EQ(next(job, 405), "MKCOL /data/pets/");  // it is there
  EXPECT_EQ(next(job, 201), "MKCOL /data/pets/a/");
  EXPECT_EQ(next(job, 201), "PUT /data/pets/a/b");
  EXPECT_FALSE(job.is_transient(reply(201)));
  // Another write of the same wave believes that the folder is there, once.
  const HttpJob other = web.put("a/c", false, Buffer::copy_of("x"), {}, EtagStyle::kQuoted);
  EXPECT_EQ(next(other, 409), "PUT /data/pets/a/c");
  EXPECT_EQ(next(other, 409), "MKCOL /data/pets/a/");
  EXPECT_FALSE(other.is_transient(reply(403)));  // may not make it: that is the answer
  // A server that says "conflict" for ever is not asked for ever.
  const HttpJob endless = web.put("a/d", false, Buffer::copy_of("x"), {}, EtagStyle::kQuoted);
  int asked = 0;
  while (endless.is_transient(reply(asked % 2 == 0 ? 409 : 201)) && asked < 1000) ++asked;
  EXPECT_LT(asked, 100);
  HttpReply cut = reply(0);
  cut.failure = HttpFailure::kCut;
  EXPECT_FALSE(web.put("e/f", true, {}, {}, EtagStyle::kQuoted).is_transient(cut));
}

TEST_F(WebDialectTest, MutableKeysArePaddedFiles) {
  const Buffer body = Buffer::copy_of("abc");
  const Buffer file = web.file_of(body, 0);
  const Buffer next = web.file_of(body, file.size());
  EXPECT_NE(file.size(), next.size());
  for (const Buffer& kept : {file, next, body}) {
    const auto read = web.body_of(reply(200, std::string(kept.view())), "refs/a");
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((*read)->view(), "abc");
  }
  std::string broken(file.view());
  broken.back() = 'x';
  const auto read = web.body_of(reply(200, broken), "refs/a");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCorruption);
  EXPECT_TRUE(read.error().message.starts_with("http://h:80/data/pets/refs/a.ref: "));
}

TEST_F(WebDialectTest, Tags) {
  EXPECT_EQ(web.etag_of(reply(200, "", {{"etag", "\"1-2\""}})), "1-2");
  EXPECT_EQ(web.etag_of(reply(200, "", {{"etag", "W/\"1-2\""}})), "1-2");
  EXPECT_EQ(web.etag_of(reply(200)), "");
}

TEST_F(WebDialectTest, ErrorsSayWhatToDo) {
  const std::string page = "<!DOCTYPE html><title>Welcome</title>";
  EXPECT_TRUE(web.status_of(reply(200, "bytes"), "read", "segments/x").has_value());
  EXPECT_TRUE(web.status_of(reply(206, page), "read", "segments/x").has_value());  // a part of one
  expect_error(reply(206, "Welcome", {{"content-type", "text/html; charset=utf-8"}}), "read",
               Code::kUnavailable, "page for people (HTTP 206)");
  expect_error(reply(404), "read", Code::kNotFound, "key segments/x is not in");
  expect_error(reply(200, page, {{"etag", "\"1\""}}), "read", Code::kUnavailable,
               "page for people (HTTP 200)");
  expect_error(reply(200, page), "write", Code::kOutcomeUnknown, "page for people");
  EXPECT_TRUE(web.status_of(reply(201, page), "write", "segments/x").has_value());  // as Apache
  EXPECT_TRUE(web.status_of(reply(204), "write", "segments/x").has_value());
  expect_error(reply(202), "write", Code::kOutcomeUnknown, "did not say that it is stored");
  expect_error(reply(202), "upload", Code::kUnavailable, "nothing was committed");
  expect_error(reply(200, "<Error><Code>SlowDown</Code></Error>"), "upload", Code::kUnavailable,
               "SlowDown");
  expect_error(reply(301, "", {{"location", "http://other/y?secret=1"}}), "read",
               Code::kInvalidArgument, "sends elsewhere, to http://other/y; give");
  expect_error(reply(301, "", {{"location", "http://h:80/data/pets/segments/x/"}}), "read",
               Code::kNotFound, "is not in");
  expect_error(reply(401), "read", Code::kDenied, "name and a password");
  expect_error(reply(403), "read", Code::kDenied, "let its user read");
  expect_error(reply(403), "write", Code::kDenied, "Reading may still work");
  for (const int status : {405, 501, 404})
    expect_error(reply(status), "write", Code::kUnsupported, "it can only be read");
  expect_error(reply(405), "list", Code::kUnsupported, "no listings");
  expect_error(reply(404), "delete", Code::kNotFound, "is not in");
  expect_error(reply(412), "write", Code::kConflict, "another writer");
  expect_error(reply(409), "write", Code::kUnavailable, "a folder above it");
  expect_error(reply(413), "write", Code::kExhausted, "client_max_body_size");
  expect_error(reply(507), "write", Code::kExhausted, "disk is full");
  expect_error(reply(503), "read", Code::kUnavailable, "busy");
  expect_error(reply(500), "read", Code::kUnavailable, "try again later");
  expect_error(reply(500), "write", Code::kOutcomeUnknown, "may have happened");
  expect_error(reply(400), "read", Code::kInvalidArgument, "check the address");
  expect_error(reply(403, "<Error><Code>AccessDenied</Code></Error>"), "read", Code::kDenied,
               "answers as S3 does: write s3+http://");
  HttpReply whole = reply(0);
  whole.failure = HttpFailure::kRefused;
  whole.error = {Code::kCorruption, "the reply is longer than 8388608 bytes"};
  expect_error(whole, "read", Code::kCorruption, "know ranges");
}

}  // namespace
}  // namespace dreamdb
