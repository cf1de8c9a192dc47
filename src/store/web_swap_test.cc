// Swaps on a web server whose tags are nothing but the size of a file: the worst that its clock and
// its numbers of files can do.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>

#include "store/padded_file.h"
#include "store/remote_store.h"
#include "store/web_dialect.h"

namespace dreamdb {
namespace {

const std::string kHost = "http://h:80";

// Files by path. A PUT whose reply is lost is carried out.
class SizeTagServer final : public HttpClient {
 public:
  SizeTagServer() { options_.endpoints = {kHost}; }

  std::vector<HttpReply> run(std::span<const HttpJob> jobs) override {
    const std::lock_guard lock(mutex_);
    std::vector<HttpReply> replies;
    for (const HttpJob& job : jobs) {
      const auto attempt = job.prepare({kHost, 0, 0});
      EXPECT_TRUE(attempt);
      replies.push_back(answer(*attempt));
      replies.back().endpoint = kHost;
    }
    return replies;
  }

  HttpStats stats() const override { return {}; }
  int64_t clock_skew_ns() const override { return 0; }
  const HttpOptions& options() const override { return options_; }

  const std::string& file(const std::string& path) { return files_.at("http://h:80/" + path); }
  void put_by_hand(const std::string& path, const std::string& body) {
    files_["http://h:80/" + path] = body;
  }
  bool loses_next_reply = false;

 private:
  static std::string tag_of(const std::string& file) {
    return "\"" + std::to_string(file.size()) + "\"";
  }

  HttpReply answer(const HttpAttempt& attempt) {
    HttpReply reply;
    const auto at = files_.find(attempt.url);
    if (attempt.method == "PUT") {
      for (const std::string& line : attempt.headers) {
        const bool must_match = line.starts_with("if-match: ");
        const bool must_lack = line == "if-none-match: *";
        const bool matches =
            must_match && at != files_.end() && line.substr(10) == tag_of(at->second);
        if ((must_match && !matches) || (must_lack && at != files_.end())) {
          reply.status = 412;
          return reply;
        }
      }
      const std::string& file = files_[attempt.url] = std::string(attempt.body.view());
      if (attempt.url.ends_with(".ref") && std::exchange(loses_next_reply, false)) {
        reply.failure = HttpFailure::kTimeout;
        return reply;
      }
      reply.status = 201;
      reply.headers["etag"] = tag_of(file);
      return reply;
    }
    if (attempt.method == "GET" && at != files_.end()) {
      reply.status = 200;
      reply.headers["etag"] = tag_of(at->second);
      reply.body = Buffer::copy_of(at->second);
      return reply;
    }
    if (attempt.method == "DELETE" && at != files_.end()) {
      files_.erase(at);
      reply.status = 204;
      return reply;
    }
    reply.status = 404;
    return reply;
  }

  std::mutex mutex_;
  HttpOptions options_;
  std::map<std::string, std::string> files_;
};

struct Web {
  std::shared_ptr<SizeTagServer> server = std::make_shared<SizeTagServer>();
  RemoteStore store{std::make_unique<WebDialect>(kHost, "pets"), server, "http://h:80/pets"};

  Version swap(const std::optional<Version>& expected, const std::string& body) {
    const auto version = store.swap("refs/main", expected, Buffer::copy_of(body));
    EXPECT_TRUE(version) << version.error().message;
    return version.value_or(Version{});
  }
  Code refused(const std::optional<Version>& expected, const std::string& body) {
    const auto version = store.swap("refs/main", expected, Buffer::copy_of(body));
    return version ? Code{} : version.error().code;
  }
};

TEST(WebSwap, AVersionOfAMomentAgoIsNotTakenForTheOneThatIsThere) {
  Web web;
  std::vector<Version> versions = {web.swap(std::nullopt, "body 0")};
  for (int i = 1; i < 50; ++i)
    versions.push_back(web.swap(versions.back(), "body " + std::to_string(i % 10)));
  std::set<std::string> tokens;
  for (const Version& version : versions) EXPECT_TRUE(tokens.insert(version.token).second);
  for (size_t i = 0; i + 1 < versions.size(); ++i)
    ASSERT_EQ(web.refused(versions[i], "lost"), Code::kConflict) << i;
  // As it is read it is the version that the last swap gave.
  const auto loaded = web.store.load("refs/main");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->body.view(), "body 9");
  EXPECT_EQ(loaded->version.token, versions.back().token);
  web.swap(loaded->version, "next");
}

TEST(WebSwap, NorAfterADeletionOrALostReply) {
  Web web;
  const Version first = web.swap(std::nullopt, "first");
  web.server->loses_next_reply = true;
  const Version second = web.swap(first, "2nd  ");
  EXPECT_EQ(web.refused(first, "lost"), Code::kConflict);
  ASSERT_TRUE(web.store.swap_delete("refs/main", second));
  EXPECT_FALSE(web.store.load("refs/main"));
  const Version again = web.swap(std::nullopt, "first");
  for (const Version& old : {first, second}) EXPECT_EQ(web.refused(old, "lost"), Code::kConflict);
  EXPECT_NE(again.token, first.token);
  EXPECT_EQ(web.refused(std::nullopt, "lost"), Code::kConflict);
}

TEST(WebSwap, AFileOfTheBodyAloneIsReplacedByAPaddedOne) {
  Web web;
  web.server->put_by_hand("pets/refs/main.ref", "old");
  const auto loaded = web.store.load("refs/main");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->body.view(), "old");
  web.swap(loaded->version, "new");
  EXPECT_TRUE(is_padded_file(web.server->file("pets/refs/main.ref")));
  EXPECT_EQ(web.refused(loaded->version, "lost"), Code::kConflict);
}

}  // namespace
}  // namespace dreamdb
