// What a request may take, and what is told of one that took too long: the budget of time in which
// nothing moves.
#include <gtest/gtest.h>

#include <atomic>

#include "http/client_testing.h"

namespace dreamdb {
namespace {

using Request = ScriptedServer::Request;
using Peer = ScriptedServer::Peer;

TEST(Budget, WhoSendsAByteNowAndThenEndsWithTheBudget) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    if (request.path == "/body") peer.send(Peer::head(200, 100'000));
    while (peer.send("x")) real_runtime().sleep_ns(20'000'000);
    peer.hang_up();
  });
  const auto client = make_client(options_for({server.endpoint()}, kSecondNs));
  for (const char* path : {"/body", "/head"}) {
    const uint64_t begin = real_runtime().monotonic_ns();
    const HttpReply reply = run_one(*client, get(path));
    EXPECT_NE(reply.failure, HttpFailure::kNone);
    EXPECT_LT(real_runtime().monotonic_ns() - begin, 5 * kSecondNs);
  }
}

// Twice the budget and more, and all the time bytes flow.
TEST(Budget, ASlowReplyThatGoesOnIsWaitedFor) {
  ScriptedServer server([](const Request&, Peer& peer) {
    peer.send(Peer::head(200, 25 * 8'192));
    for (int i = 0; i < 25 && peer.send(std::string(8'192, 'x')); ++i)
      real_runtime().sleep_ns(kSecondNs / 5);
  });
  const auto client = make_client(options_for({server.endpoint()}, 2 * kSecondNs));
  const auto replies = client->run(std::vector<HttpJob>(3, get("/a")));
  for (const HttpReply& reply : replies) {
    EXPECT_EQ(reply.body.size(), 25u * 8'192) << reply.what;
    EXPECT_EQ(reply.attempts, 1u);
  }
}

// However much of a reply came: the budget is what follows without a byte.
TEST(Budget, AReplyThatStopsEndsWithTheBudget) {
  ScriptedServer server([](const Request&, Peer& peer) {
    peer.send(Peer::head(200, 20 << 20) + std::string(10 << 20, 'x'));
    peer.wait_until_gone();
  });
  const auto client = make_client(options_for({server.endpoint()}, kSecondNs));
  const uint64_t begin = real_runtime().monotonic_ns();
  EXPECT_EQ(run_one(*client, get("/a")).failure, HttpFailure::kTimeout);
  EXPECT_LT(real_runtime().monotonic_ns() - begin, 30 * kSecondNs);  // 640 s are paid for
  EXPECT_EQ(server.count(), 1u);
}

// Bytes that were lost have led to nothing: who cuts each reply near its end is not asked for ever.
TEST(Budget, WhatIsLostAgainAndAgainEnds) {
  ScriptedServer server([](const Request&, Peer& peer) {
    peer.send(Peer::head(200, 10 * 8'192));
    for (int i = 0; i < 9 && peer.send(std::string(8'192, 'x')); ++i)
      real_runtime().sleep_ns(kSecondNs / 4);
    peer.hang_up();
  });
  const auto client = make_client(options_for({server.endpoint()}, 2 * kSecondNs));
  EXPECT_EQ(run_one(*client, get("/a")).failure, HttpFailure::kCut);
  // Each costs a quarter, however long it took; and a try is made after the first.
  EXPECT_GE(server.count(), 2u);
  EXPECT_LE(server.count(), 5u);
}

// Of those that share a call with one that flows, who gets nothing ends all the same.
TEST(Budget, WhoNeverAnswersEndsThoughOthersFlow) {
  std::atomic<bool> has_ended = false;
  ScriptedServer server([&](const Request& request, Peer& peer) {
    if (request.path == "/never") {
      peer.wait_until_gone();
      has_ended = true;
      return;
    }
    peer.send(Peer::head(200, 64 << 20));
    for (size_t left = 64 << 20; left > 0; left -= 8'192) {
      if (!has_ended) real_runtime().sleep_ns(kSecondNs / 10);
      if (!peer.send(std::string(8'192, 'x'))) return;
    }
  });
  const auto client = make_client(options_for({server.endpoint()}, 2 * kSecondNs));
  const auto replies = client->run(std::vector<HttpJob>{get("/flows"), get("/never")});
  EXPECT_EQ(replies[0].body.size(), 64u << 20) << replies[0].what;
  EXPECT_EQ(replies[1].failure, HttpFailure::kTimeout);
}

TEST(Budget, WhoNeverAnswersEndsWithTheBudgetHoweverLongTheBatch) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.wait_until_gone(); });
  HttpOptions options = options_for({server.endpoint()}, kSecondNs);
  options.connections_first = options.connections_max = 2;
  const auto client = make_client(options);
  std::vector<HttpJob> jobs(50, get("/a"));
  const uint64_t begin = real_runtime().monotonic_ns();
  const auto replies = client->run(jobs);
  EXPECT_LT(real_runtime().monotonic_ns() - begin, 5 * kSecondNs);
  EXPECT_EQ(replies.front().failure, HttpFailure::kTimeout);
  EXPECT_EQ(replies.back().failure, HttpFailure::kNotSent);
  EXPECT_EQ(replies.back().attempts, 0u);
  EXPECT_NE(replies.back().what.find("no reply came to what was sent before"), std::string::npos);
}

// The last attempt has only what the budget has left, and that says nothing about the server.
TEST(Budget, ASilenceAtTheEndOfTheBudgetDoesNotHideWhatWasSaidBefore) {
  for (const std::string said :
       {"HTTP/1.1 500 X\r\ncontent-length: 5\r\n\r\nfault", "none of HTTP\r\n"}) {
    ScriptedServer server([&](const Request& request, Peer& peer) {
      if (request.count > 1) return peer.wait_until_gone();
      peer.send(said);
      peer.hang_up();
    });
    const auto client = make_client(options_for({server.endpoint()}, kSecondNs));
    const HttpReply reply = run_one(*client, get("/a"));
    EXPECT_EQ(reply.attempts, 2u);
    if (said.starts_with("HTTP")) {
      EXPECT_EQ(reply.failure, HttpFailure::kNone) << reply.what;
      EXPECT_EQ(reply.status, 500);
      EXPECT_EQ(reply.body.view(), "fault");
    } else {
      EXPECT_EQ(reply.failure, HttpFailure::kCut);
      EXPECT_NE(reply.what.find("HTTP"), std::string::npos) << reply.what;
      EXPECT_NE(reply.what.find("(2 attempts)"), std::string::npos) << reply.what;
    }
  }
}

// Of what was sent at last the caller must know, whatever was said before.
TEST(Budget, AWriteThatWasSentAtLastIsNotSaidToBeUnsent) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.wait_until_gone(); });
  const auto client =
      make_client(options_for({ScriptedServer::dead_endpoint(), server.endpoint()}, kSecondNs));
  for (int i = 0; i < 4; ++i) {  // whichever is asked first
    const HttpReply reply = run_one(*client, put_once("/ref"));
    if (server.count() == 0) continue;
    EXPECT_EQ(reply.failure, HttpFailure::kTimeout) << reply.what;
    EXPECT_NE(reply.what.find("no answer in "), std::string::npos) << reply.what;
  }
  EXPECT_GE(server.count(), 1u);
}

TEST(Budget, WhereNothingWasEverSaidTheWholeTimeIsTold) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    if (request.path == "/cut") peer.send(Peer::head(200, 100) + "some");
    peer.wait_until_gone();
  });
  HttpOptions options = options_for({server.endpoint()}, 3 * kSecondNs);
  options.stall_timeout_ns = kSecondNs;
  const auto client = make_client(options);
  for (const std::string path : {"/a", "/cut"}) {
    const HttpReply reply = run_one(*client, get(path));
    EXPECT_EQ(reply.failure, HttpFailure::kTimeout);
    EXPECT_GE(reply.attempts, path == "/a" ? 2u : 1u);
    const std::string begin = path == "/a" ? ": no answer in " : ": no end of the answer in ";
    const size_t at = reply.what.find(begin);
    ASSERT_NE(at, std::string::npos) << reply.what;
    EXPECT_GE(std::stoi(reply.what.substr(at + begin.size())), 2) << reply.what;
  }
}

}  // namespace
}  // namespace dreamdb
