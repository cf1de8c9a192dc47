// Requests of S3 as they are built, and what its replies mean; no server needed.
#include "store/s3_dialect.h"

#include <gtest/gtest.h>

#include <map>

#include "store/fake_s3.h"

namespace dreamdb {
namespace {

constexpr uint64_t kNowNs = 1'767'323'045'000'000'000;  // Fri, 02 Jan 2026 03:04:05 GMT
constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

class Clock final : public Runtime {
 public:
  uint64_t now_ns() override { return kNowNs; }
  uint64_t monotonic_ns() override { return monotonic += 2'000'000'000; }
  void sleep_ns(uint64_t) override {}
  void random(std::span<std::byte>) override {}
  uint64_t monotonic = 0;
};

class S3DialectTest : public testing::Test {
 public:
  S3Dialect* dialect(bool virtual_host = false, bool is_aws = false) {
    S3DialectOptions options;
    options.bucket = "bucket";
    options.prefix = "p";
    options.region = "us-east-1";
    options.virtual_host = virtual_host;
    options.is_aws = is_aws;
    options.credentials = std::make_shared<S3CredentialSource>(
        [this](const std::string& name) { return variables[name]; }, clock);
    options.runtime = &clock;
    made.push_back(std::make_unique<S3Dialect>(std::move(options)));
    return made.back().get();
  }

  static HttpAttempt attempt(const HttpJob& job, uint64_t received = 0) {
    const auto built = job.prepare({"http://h:7480", kNowNs, received});
    EXPECT_TRUE(built.has_value());
    return built ? *built : HttpAttempt{};
  }

  static std::string header(const HttpAttempt& attempt, const std::string& name) {
    for (const std::string& line : attempt.headers)
      if (line.starts_with(name + ": ")) return line.substr(name.size() + 2);
    return "absent";
  }

  static HttpReply reply(int status, const std::string& code = "", const std::string& more = "") {
    HttpReply given;
    given.status = status;
    given.endpoint = "http://h:7480";
    if (!code.empty())
      given.body = Buffer::adopt("<Error><Code>" + code + "</Code>" + more + "</Error>");
    return given;
  }

  Error error_of(const HttpReply& reply, std::string_view act = "write",
                 std::string_view key = "refs/main") {
    const Status status = dialect()->status_of(reply, act, key);
    EXPECT_FALSE(status.has_value());
    return status ? Error{} : status.error();
  }

  void expect_error(const HttpReply& reply, Code code, std::string_view part,
                    std::string_view act = "write") {
    const Error error = error_of(reply, act);
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find("SECRET"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("s3://bucket/p"), std::string::npos) << error.message;
  }

  Clock clock;
  std::vector<std::unique_ptr<S3Dialect>> made;  // jobs do not outlive their dialect
  std::map<std::string, std::string> variables = {{"AWS_ACCESS_KEY_ID", "AK"},
                                                  {"AWS_SECRET_ACCESS_KEY", "SECRET"}};
};

TEST_F(S3DialectTest, Reads) {
  const auto s3 = dialect();
  const HttpAttempt whole = attempt(s3->get("refs/main@v1", true, 0, kAll));
  EXPECT_EQ(whole.method, "GET");
  EXPECT_EQ(whole.url, "http://h:7480/bucket/p/refs/main%40v1");
  EXPECT_EQ(header(whole, "range"), "absent");
  const HttpJob range = s3->get("s", false, 100, 50);
  EXPECT_EQ(header(attempt(range), "range"), "bytes=100-149");
  EXPECT_EQ(header(attempt(range, 10), "range"), "bytes=110-149");
  EXPECT_TRUE(range.resume && range.hedge);
  EXPECT_FALSE(s3->get("refs/main", true, 0, kAll).resume);
  const HttpJob all = s3->get("s", false, 0, kAll);
  EXPECT_TRUE(all.resume && all.hedge);
  EXPECT_EQ(header(attempt(all, 10), "range"), "bytes=10-");
}

TEST_F(S3DialectTest, WritesCarryWhatGuardsThem) {
  const auto s3 = dialect();
  const Buffer body = Buffer::copy_of("abc");
  const HttpJob plain = s3->put("s", false, body, {}, EtagStyle::kQuoted);
  const HttpAttempt put = attempt(plain);
  EXPECT_EQ(plain.repeat, Repeat::kIdempotent);
  EXPECT_EQ(header(put, "content-md5"), "kAFQmDzST7DWlj99KOF/cg==");
  EXPECT_EQ(header(put, "x-amz-content-sha256"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_NE(header(put, "authorization").find("SignedHeaders=content-md5;content-type;host;"),
            std::string::npos);
  const HttpJob absent =
      s3->put("r", true, body, {WriteCondition::Kind::kAbsent}, EtagStyle::kQuoted);
  EXPECT_EQ(absent.repeat, Repeat::kNever);
  EXPECT_EQ(header(attempt(absent), "if-none-match"), "*");
  const WriteCondition match{WriteCondition::Kind::kMatch, "tag", 3, "0123"};
  const HttpAttempt quoted = attempt(s3->put("r", true, body, match, EtagStyle::kQuoted));
  EXPECT_EQ(header(quoted, "if-match"), "\"tag\"");
  EXPECT_EQ(header(quoted, "x-amz-meta-dreamdb-write"), "0123");
  EXPECT_EQ(header(attempt(s3->put("r", true, body, match, EtagStyle::kPlain)), "if-match"), "tag");
}

TEST_F(S3DialectTest, HostsAndPaths) {
  EXPECT_EQ(attempt(dialect(true)->get("a", false, 0, kAll)).url, "http://bucket.h:7480/p/a");
  EXPECT_EQ(attempt(dialect(true, true)->get("a", false, 0, kAll)).url,
            "https://bucket.s3.us-east-1.amazonaws.com/p/a");
  EXPECT_EQ(aws_endpoint("cn-north-1"), "https://s3.cn-north-1.amazonaws.com.cn");
}

TEST_F(S3DialectTest, WithoutKeysNothingIsSigned) {
  variables.clear();
  const HttpAttempt get = attempt(dialect()->get("a", false, 0, kAll));
  EXPECT_EQ(header(get, "authorization"), "absent");
  EXPECT_EQ(header(get, "x-amz-date"), "absent");
}

TEST_F(S3DialectTest, ABucketOfAnotherRegionIsFollowed) {
  const auto s3 = dialect(true, true);
  const HttpJob job = s3->get("a", false, 0, kAll);
  attempt(job);
  HttpReply moved = reply(301, "PermanentRedirect");
  moved.headers["x-amz-bucket-region"] = "eu-west-1";
  EXPECT_TRUE(job.is_transient(moved));
  EXPECT_EQ(attempt(job).url, "https://bucket.s3.eu-west-1.amazonaws.com/p/a");
  EXPECT_FALSE(job.is_transient(moved)) << "it is there already";
  EXPECT_TRUE(
      job.is_transient(reply(400, "AuthorizationHeaderMalformed", "<Region>eu-north-1</Region>")));
  EXPECT_NE(header(attempt(job), "authorization").find("/eu-north-1/s3/"), std::string::npos);
  // A server that sends there again when asked for that region.
  moved.headers["x-amz-bucket-region"] = "eu-north-1";
  moved.headers["location"] = "https://elsewhere.example/bucket?token=hush";
  const std::string message = s3->status_of(moved, "read", "a").error().message;
  EXPECT_NE(message.find("sends elsewhere, to https://elsewhere.example/bucket;"),
            std::string::npos)
      << message;
  EXPECT_EQ(message.find("hush"), std::string::npos);
  moved.headers["x-amz-bucket-region"] = "evil.example/";
  EXPECT_FALSE(job.is_transient(moved));
}

TEST_F(S3DialectTest, AnExpiredTokenIsReadAgain) {
  variables["AWS_SESSION_TOKEN"] = "old";
  const auto s3 = dialect();
  const HttpJob job = s3->get("a", false, 0, kAll);
  EXPECT_EQ(header(attempt(job), "x-amz-security-token"), "old");
  EXPECT_FALSE(job.is_transient(reply(400, "ExpiredToken")));
  variables["AWS_SESSION_TOKEN"] = "new";
  EXPECT_TRUE(job.is_transient(reply(400, "ExpiredToken")));
  EXPECT_EQ(header(attempt(job), "x-amz-security-token"), "new");
}

TEST_F(S3DialectTest, NothingIsMendedForEver) {
  const HttpJob job = dialect()->get("a", false, 0, kAll);
  int mended = 0;
  for (int i = 0; i < 100; ++i) mended += job.is_transient(reply(403, "RequestTimeTooSkewed"));
  EXPECT_EQ(mended, 4);
}

TEST_F(S3DialectTest, APageForPeopleIsNoAnswerToAConditionalWrite) {
  HttpReply page = reply(200);
  page.headers["content-type"] = "text/html";
  const auto s3 = dialect();
  EXPECT_TRUE(s3->put("s", false, {}, {}, EtagStyle::kQuoted).is_transient(page));
  EXPECT_FALSE(s3->put("r", true, {}, {WriteCondition::Kind::kAbsent}, EtagStyle::kQuoted)
                   .is_transient(page));
}

TEST_F(S3DialectTest, ErrorsSayWhatToDo) {
  expect_error(reply(403, "SignatureDoesNotMatch"), Code::kDenied, "does not belong to its key id");
  expect_error(reply(403, "InvalidAccessKeyId"), Code::kDenied, "AWS_ACCESS_KEY_ID");
  expect_error(reply(400, "ExpiredToken"), Code::kDenied, "expired");
  expect_error(reply(403, "AccessDenied"), Code::kDenied, "Reading may still work");
  expect_error(reply(403), Code::kDenied, "may not read here", "read");
  expect_error(reply(404, "NoSuchBucket"), Code::kInvalidArgument,
               "there is no bucket bucket at http");
  HttpReply web = reply(404);
  web.body = Buffer::copy_of("<html><head><title>404 Not Found</title></head></html>");
  expect_error(web, Code::kInvalidArgument, "a web server is web+http://");
  expect_error(reply(404), Code::kNotFound, "key refs/main is not in");
  expect_error(reply(404, "NoSuchKey"), Code::kNotFound, "key refs/main is not in");
  expect_error(reply(412, "PreconditionFailed"), Code::kConflict, "another writer");
  expect_error(reply(409, "ConditionalRequestConflict"), Code::kConflict, "another writer");
  expect_error(reply(503, "SlowDown"), Code::kUnavailable, "fewer requests");
  expect_error(reply(500, "InternalError"), Code::kOutcomeUnknown, "may have happened");
  expect_error(reply(500, "InternalError"), Code::kUnavailable, "try again", "read");
  expect_error(reply(413), Code::kExhausted, "proxy");
  expect_error(reply(507), Code::kExhausted, "full");
  expect_error(reply(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
               Code::kInvalidArgument, "set AWS_REGION=eu-west-1");
  HttpReply moved = reply(302);
  moved.headers["location"] = "https://login.example/?token=SECRET";
  expect_error(moved, Code::kInvalidArgument, "https://login.example/");
  HttpReply page = reply(200);
  page.headers["content-type"] = "text/html; charset=utf-8";
  expect_error(page, Code::kUnavailable, "a page for people", "read");
  expect_error(page, Code::kOutcomeUnknown, "a page for people");
  page.headers["etag"] = "\"x\"";
  EXPECT_TRUE(dialect()->status_of(page, "read", "a").has_value());
}

TEST_F(S3DialectTest, WhatTheServerSaysIsShownWithoutSecrets) {
  variables["AWS_SECRET_ACCESS_KEY"] = "SECRET/key";
  variables["AWS_SESSION_TOKEN"] = "SECRET-token+1";
  const std::string signature(64, 'd');
  const std::string echo =
      "SECRET/key SECRET%2Fkey SECRET-token+1 SECRET-token%2B1 Signature=" + signature;
  const std::string code = "Odd " + echo;
  const std::string more = "<Message>" + echo + "</Message><Region>" + echo + "</Region>";
  const auto s3 = dialect();
  attempt(s3->get("a", false, 0, kAll));
  for (const int status : {200, 301, 403, 404, 418, 500}) {
    HttpReply said = reply(status, code, more);
    said.headers["location"] = "https://elsewhere.example/" + echo;
    for (const char* act : {"read", "write", "upload"}) {
      const std::string message = s3->status_of(said, act, "refs/main").error().message;
      EXPECT_EQ(message.find("SECRET"), std::string::npos) << message;
      EXPECT_EQ(message.find(signature), std::string::npos) << message;
    }
  }
  FakeS3 server;
  server.answer({reply(200, "x"), reply(200, "x")});
  HttpReply listing = reply(200);
  listing.body = Buffer::copy_of("<" + echo);
  server.answer({listing});
  const std::string listed = s3->list(server, "", "", 10).error().message;
  EXPECT_EQ(listed.find("SECRET"), std::string::npos) << listed;
  // Also those that were replaced since.
  variables["AWS_SESSION_TOKEN"] = "fresh-token";
  EXPECT_TRUE(s3->get("a", false, 0, kAll).is_transient(reply(400, "ExpiredToken")));
  const HttpReply late = reply(403, "AccessDenied", "<Message>" + echo + "</Message>");
  const std::string message = s3->status_of(late, "read", "a").error().message;
  EXPECT_EQ(message.find("SECRET"), std::string::npos) << message;
}

TEST_F(S3DialectTest, AClockThatIsOffIsMeasured) {
  HttpReply skewed = reply(403, "RequestTimeTooSkewed");
  skewed.headers["date"] = "Fri, 02 Jan 2026 02:03:02 GMT";
  expect_error(skewed, Code::kDenied, "61 min 3 s ahead of the server's");
  skewed.headers["date"] = "Fri, 02 Jan 2026 03:24:05 GMT";
  expect_error(skewed, Code::kDenied, "20 min 0 s behind the server's");
}

TEST_F(S3DialectTest, RepliesThatNeverCame) {
  HttpReply lost;
  lost.what = "PUT http://h:7480/bucket/p/refs/main: timed out";
  lost.failure = HttpFailure::kTimeout;
  expect_error(lost, Code::kOutcomeUnknown, "timed out");
  expect_error(lost, Code::kUnavailable, "timed out", "list");
  lost.failure = HttpFailure::kNotSent;
  expect_error(lost, Code::kUnavailable, "check the address");
}

TEST_F(S3DialectTest, Tags) {
  HttpReply tagged;
  for (const auto& [sent, tag] : std::map<std::string, std::string>{
           {"\"a\"", "a"}, {"a", "a"}, {"W/\"a\"", "a"}, {"", ""}, {"\"", "\""}}) {
    tagged.headers["etag"] = sent;
    EXPECT_EQ(dialect()->etag_of(tagged), tag) << sent;
  }
}

TEST_F(S3DialectTest, NamesOfBuckets) {
  for (const char* name : {"abc", "my-bucket.1", "Old_Bucket"})
    EXPECT_TRUE(check_bucket_name(name).has_value()) << name;
  for (const char* name : {"", "ab", "-abc", "abc-", "a/b", "a b", "a%b", "a?b"})
    EXPECT_FALSE(check_bucket_name(name).has_value()) << name;
}

TEST_F(S3DialectTest, DeletionsThatFailAreTold) {
  FakeS3 server;
  HttpReply some;
  some.status = 200;
  some.body = Buffer::copy_of(
      "<DeleteResult><Error><Key>p/b</Key><Code>AccessDenied</Code></Error>"
      "<Error><Key>p/c</Key><Code>NoSuchKey</Code></Error></DeleteResult>");
  server.answer({some});
  const std::string keys[] = {"a", "b", "c"};
  const auto statuses = dialect()->delete_many(server, keys);
  EXPECT_TRUE(statuses[0].has_value() && statuses[2].has_value());
  ASSERT_FALSE(statuses[1].has_value());
  EXPECT_EQ(statuses[1].error().code, Code::kDenied);
}

TEST_F(S3DialectTest, DeletionsGoByTheThousand) {
  FakeS3 server;
  std::vector<std::string> keys;
  for (int i = 0; i < 2'500; ++i) keys.push_back("k" + std::to_string(i));
  for (const Status& status : dialect()->delete_many(server, keys)) ASSERT_TRUE(status.has_value());
  const auto attempts = server.take_attempts();
  ASSERT_EQ(attempts.size(), 3u);
  EXPECT_EQ(attempts[0].url, "http://fake:80/bucket?delete=");
  EXPECT_NE(header(attempts[0], "content-md5"), "absent");
}

}  // namespace
}  // namespace dreamdb
