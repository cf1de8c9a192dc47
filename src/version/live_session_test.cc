// Sessions of writers: none for short ones, begun, renewed, deleted; fenced ones publish nothing.
#include "version/live_session.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/quick_runtime.h"
#include "store/fault_store.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

class LiveSessionTest : public testing::Test {
 protected:
  Tip tip() const {
    Tip tip;
    tip.name = "main";
    tip.ref.epoch = 7;
    return tip;
  }

  WriterIdentity writer() const {
    WriterIdentity identity;
    identity.nonce.fill(std::byte{3});
    identity.program = "test";
    return identity;
  }

  // The one session on the store; an empty key when there is none.
  std::pair<std::string, SessionBody> there() {
    const auto page = store_.list("sessions/", "", 10);
    EXPECT_TRUE(page.has_value());
    EXPECT_LE(page->objects.size(), 1u);
    if (page->objects.empty()) return {};
    const std::string key = page->objects.front().key;
    const auto loaded = store_.load(key);
    const auto body = parse_session(loaded->body.span(), key);
    EXPECT_TRUE(body.has_value());
    return {key, *body};
  }

  void sleep(uint64_t seconds) { runtime_.sleep_ns(seconds * kSecondNs); }

  // What the collector does to a session that has expired.
  void fence() {
    auto [key, body] = there();
    const auto loaded = store_.load(key);
    body.fenced = true;
    body.write.fill(std::byte{1});
    ASSERT_TRUE(store_.swap(key, loaded->version, write_session(body)).has_value());
  }

  QuickRuntime runtime_;
  MemoryStore store_{"x"};
};

TEST_F(LiveSessionTest, AShortWriterHasNone) {
  LiveSession session(store_, runtime_, writer());
  session.tick();
  session.before_upload(tip());
  sleep(29);
  session.tick();
  EXPECT_TRUE(session.may_publish().has_value());
  session.settle();
  sleep(100);
  session.tick();
  EXPECT_EQ(there().first, "");
}

TEST_F(LiveSessionTest, ALongOneIsBegunRenewedAndDeleted) {
  {
    LiveSession session(store_, runtime_, writer());
    session.before_upload(tip());
    sleep(31);
    session.tick();
    const auto [key, body] = there();
    EXPECT_EQ(key.size(), std::string("sessions/").size() + 32);
    EXPECT_EQ(body.role, SessionRole::kWriter);
    EXPECT_EQ(body.ref, "main");
    EXPECT_EQ(body.epoch, 7u);
    EXPECT_EQ(body.nonce, writer().nonce);
    EXPECT_EQ(body.process, static_cast<uint64_t>(getpid()));
    EXPECT_FALSE(body.fenced);
    sleep(59);
    session.tick();
    EXPECT_EQ(there().second, body) << "renewed too early";
    sleep(2);
    session.tick();
    EXPECT_EQ(there().first, key);
    EXPECT_NEAR(static_cast<double>(there().second.start_ns), static_cast<double>(body.start_ns),
                static_cast<double>(kSecondNs));
    EXPECT_GE(body.beat_ns - body.start_ns, 31 * kSecondNs) << "what went up first is covered";
    EXPECT_GE(there().second.beat_ns, body.beat_ns + 61 * kSecondNs);
    session.settle();
    sleep(61);
    session.tick();  // it lives: others of its objects are to come
    EXPECT_GE(there().second.beat_ns, body.beat_ns + 122 * kSecondNs);
  }
  EXPECT_EQ(there().first, "");
}

TEST_F(LiveSessionTest, WhoSleptWithoutASessionPublishesNothing) {
  LiveSession session(store_, runtime_, writer());
  session.before_upload(tip());
  sleep(1'199);
  EXPECT_TRUE(session.may_publish().has_value());
  sleep(2);
  const Status refused = session.may_publish();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_NE(refused.error().message.find("append it again"), std::string::npos);
  session.settle();
  session.before_upload(tip());
  EXPECT_TRUE(session.may_publish().has_value());
}

TEST_F(LiveSessionTest, WhoSleptWithOneRenewsItBeforeItPublishes) {
  LiveSession session(store_, runtime_, writer());
  session.before_upload(tip());
  sleep(31);
  session.tick();
  const uint64_t beat_ns = there().second.beat_ns;
  sleep(599);
  EXPECT_TRUE(session.may_publish().has_value());
  EXPECT_EQ(there().second.beat_ns, beat_ns);
  sleep(3'600);
  EXPECT_TRUE(session.may_publish().has_value());
  EXPECT_GT(there().second.beat_ns, beat_ns);
}

// Its objects may have been collected before the session began.
TEST_F(LiveSessionTest, WhoSleptBeforeItBeganBeginsNoneAndPublishesNothing) {
  LiveSession session(store_, runtime_, writer());
  session.before_upload(tip());
  sleep(1'201);
  session.tick();
  EXPECT_EQ(there().first, "");
  EXPECT_EQ(session.may_publish().error().code, Code::kConflict);
  session.settle();
  session.before_upload(tip());
  sleep(31);
  session.tick();
  EXPECT_NE(there().first, "");
  EXPECT_TRUE(session.may_publish().has_value());
}

TEST_F(LiveSessionTest, OneThatIsBegunAtOnceHasItsRoleAndPins) {
  const Address one = Address::of({}), other = Address::of(std::as_bytes(std::span("x")));
  LiveSession session(store_, runtime_, writer(), SessionRole::kReader);
  EXPECT_EQ(session.key(), "");
  ASSERT_TRUE(session.begin({other, one, other}).has_value());
  EXPECT_EQ(session.key(), there().first);
  EXPECT_EQ(there().second.role, SessionRole::kReader);
  EXPECT_EQ(there().second.pins, (std::vector{std::min(one, other), std::max(one, other)}));
  sleep(61);
  session.tick();
  EXPECT_EQ(there().second.pins.size(), 2u);
}

TEST_F(LiveSessionTest, ABodyOfItsOwnThatComesLateIsNoReasonToStop) {
  LiveSession session(store_, runtime_, writer());
  session.before_upload(tip());
  sleep(30);
  session.tick();
  auto [key, body] = there();
  body.write.fill(std::byte{1});
  ASSERT_TRUE(store_.swap(key, store_.load(key)->version, write_session(body)));
  sleep(601);
  const Status renewed = session.may_publish();
  EXPECT_TRUE(renewed) << renewed.error().message;
  EXPECT_NE(there().second.write, body.write);
}

TEST_F(LiveSessionTest, AFencedOnePublishesNothingAndStaysFenced) {
  LiveSession session(store_, runtime_, writer());
  session.before_upload(tip());
  sleep(31);
  session.tick();
  fence();
  sleep(601);
  EXPECT_EQ(session.may_publish().error().code, Code::kConflict);
  EXPECT_EQ(session.may_publish().error().code, Code::kConflict);
  session.tick();
  EXPECT_TRUE(there().second.fenced);
  // What is written anew has a session of its own.
  session.settle();
  session.before_upload(tip());
  sleep(31);
  session.tick();
  EXPECT_EQ(store_.list("sessions/", "", 10)->objects.size(), 2u);
  EXPECT_TRUE(session.may_publish().has_value());
}

TEST_F(LiveSessionTest, OneThatWasDeletedIsFenced) {
  LiveSession session(store_, runtime_, writer());
  session.before_upload(tip());
  sleep(31);
  session.tick();
  const std::string key = there().first;
  ASSERT_TRUE(store_.swap_delete(key, store_.load(key)->version).has_value());
  sleep(61);
  session.tick();
  EXPECT_EQ(session.may_publish().error().code, Code::kConflict);
  EXPECT_EQ(there().first, "");
}

// Who has just had no answer does not wait for more of them at the end.
TEST_F(LiveSessionTest, AStoreThatDoesNotAnswerIsNotAskedAgainAtTheEnd) {
  FaultStore store(std::make_shared<MemoryStore>("x"), {}, runtime_);
  {
    LiveSession session(store, runtime_, writer());
    session.before_upload(tip());
    sleep(31);
    store.set_plan({.rules = {{.only_ops = ops(StoreOp::kSwap)}}});
    session.tick();
    EXPECT_EQ(store.operations(), 1u) << "nothing was changed: no look";
  }
  EXPECT_EQ(store.operations(), 1u);
  store.set_plan({});
  {
    LiveSession session(store, runtime_, writer());
    session.before_upload(tip());
    sleep(31);
    session.tick();
    EXPECT_EQ(store.operations(), 2u);
    session.give_up();  // an upload had no answer
    sleep(61);
    session.tick();
    session.settle();
  }
  EXPECT_EQ(store.operations(), 2u) << "not deleted, it expires";
  {
    LiveSession session(store, runtime_, writer());
    session.before_upload(tip());
    session.give_up();
    session.before_upload(tip());  // and it is tried again
    sleep(31);
    session.tick();
    EXPECT_EQ(store.operations(), 3u);
  }
  EXPECT_EQ(store.operations(), 4u);
}

TEST_F(LiveSessionTest, AChildsEndLeavesTheParentsSession) {
#if defined(DREAMDB_SANITIZE_THREAD)
  GTEST_SKIP() << "the thread sanitizer cannot start threads after a fork";
#endif
  auto session = std::make_unique<LiveSession>(store_, runtime_, writer());
  session->before_upload(tip());
  sleep(31);
  session->tick();
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    session->before_upload(tip());
    sleep(31);
    session->tick();
    const bool two = store_.list("sessions/", "", 10)->objects.size() == 2;
    session.reset();
    _exit(two && store_.list("sessions/", "", 10)->objects.size() == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  session.reset();
  EXPECT_EQ(there().first, "");
}

}  // namespace
}  // namespace dreamdb
