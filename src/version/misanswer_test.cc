// Commits to a server that answers swaps with what is no answer: how long they are tried, how
// often, and what the error says.
#include <gtest/gtest.h>

#include "runtime/quick_runtime.h"
#include "store/remote_testing.h"
#include "version/commit.h"

namespace dreamdb {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

struct Misanswer {
  std::string name;
  HttpReply reply;
  std::string said;  // of it in the error
};

HttpReply reply(int status, const std::string& body = "", const std::string& type = "") {
  HttpReply made;
  made.status = status;
  made.body = Buffer::copy_of(body);
  if (!type.empty()) made.headers["content-type"] = type;
  return made;
}

std::vector<Misanswer> misanswers() {
  return {{"a page", reply(200, "<html>Please log in</html>", "text/html"), "a page for people"},
          {"nothing", reply(200), "answered HTTP 200 without an ETag"},
          {"lost without a rival", reply(412), "HTTP 412"}};
}

struct Ended {
  Error error;
  uint64_t slept_ns = 0;
  size_t requests = 0;
};

// A commit to a server that answers each write of the ref so, under this budget.
Ended commit_to(const Misanswer& misanswer, uint64_t budget_ns) {
  QuickRuntime runtime;
  const Remote r = remote({}, "bucket", nullptr, "data/pets", runtime);
  r.server->set_budget(budget_ns);
  Objects objects(r.store, 1 << 20);
  const WriterIdentity writer{Nonce{}, "test"};
  Committer committer(objects, runtime, writer);
  Change change;
  change.operation = "create";
  change.edit = [](Manifest& manifest) -> Status {
    manifest.timeline = Address::of({});
    return {};
  };
  const WriteId write = random_write_id(runtime);
  const auto built = committer.build(nullptr, change, write);
  EXPECT_TRUE(built && objects.put(built->objects));
  const auto tip = create_ref(objects, runtime, writer, "main", built->address,
                              std::make_shared<const Manifest>(built->manifest), false, write);
  EXPECT_TRUE(tip) << tip.error().message;
  const Buffer before = r.store->load("refs/main")->body;
  r.server->set({.instead = [&](const HttpAttempt& attempt) -> std::optional<HttpReply> {
    const bool swaps =
        attempt.method == "PUT" && attempt.url.find("/refs/main") != std::string::npos;
    return swaps ? std::optional(misanswer.reply) : std::nullopt;
  }});
  r.server->take_attempts();
  const uint64_t slept_before_ns = runtime.slept_ns();
  change.operation = "mark";
  const auto moved =
      committer.commit(*tip, change, [](const Tip&, Change&) -> Result<bool> { return true; });
  Ended ended{{}, runtime.slept_ns() - slept_before_ns, r.server->take_attempts().size()};
  EXPECT_FALSE(moved);
  if (!moved) ended.error = moved.error();
  r.server->set({});
  EXPECT_EQ(r.store->load("refs/main")->body.view(), before.view());
  return ended;
}

TEST(Misanswer, ACommitEndsWithTheStoresBudgetAndSaysWhatWasAnswered) {
  for (const Misanswer& misanswer : misanswers()) {
    const auto [error, slept_ns, requests] = commit_to(misanswer, 2 * kSecondNs);
    EXPECT_EQ(error.code, Code::kOutcomeUnknown) << misanswer.name;
    EXPECT_NE(error.message.find(misanswer.said), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("it is what it was"), std::string::npos) << error.message;
    EXPECT_LE(slept_ns, 4 * kSecondNs) << misanswer.name;
    EXPECT_LE(requests, 120u) << misanswer.name;
  }
}

TEST(Misanswer, AMinuteIsFewRequests) {
  for (const Misanswer& misanswer : misanswers()) {
    const Ended ended = commit_to(misanswer, 60 * kSecondNs);
    EXPECT_GT(ended.slept_ns, 40 * kSecondNs) << misanswer.name;
    EXPECT_LE(ended.slept_ns, 65 * kSecondNs) << misanswer.name;
    EXPECT_LE(ended.requests, 240u) << misanswer.name;
  }
}

// No ref is written before the race of writers is judged.
TEST(Misanswer, WithoutARaceNothingIsMadeAndTheErrorSaysSo) {
  QuickRuntime runtime;
  const Remote r = remote({}, "bucket", nullptr, "data/pets", runtime);
  r.server->set_budget(2 * kSecondNs);
  r.server->set({.instead = [](const HttpAttempt& attempt) -> std::optional<HttpReply> {
    const bool races = attempt.method == "PUT" && attempt.url.find("race/") != std::string::npos;
    return races ? std::optional(reply(500, "<Error><Code>InternalError</Code></Error>"))
                 : std::nullopt;
  }});
  Objects objects(r.store, 1 << 20);
  const auto tip = create_ref(objects, runtime, WriterIdentity{Nonce{}, "test"}, "main",
                              Address::of({}), nullptr, false, random_write_id(runtime));
  ASSERT_FALSE(tip);
  EXPECT_EQ(tip.error().code, Code::kUnavailable);
  EXPECT_NE(tip.error().message.find("was not made"), std::string::npos) << tip.error().message;
  EXPECT_NE(tip.error().message.find("InternalError"), std::string::npos) << tip.error().message;
}

}  // namespace
}  // namespace dreamdb
