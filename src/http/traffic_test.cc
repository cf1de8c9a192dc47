// What the calls of a client share, seen from the servers: how many requests are in flight, where
// they go, which are hedged; and forks and interrupts in between.
#include "http/traffic.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "dreamdb/interrupt.h"
#include "http/client_testing.h"

namespace dreamdb {
namespace {

using Request = ScriptedServer::Request;
using Peer = ScriptedServer::Peer;

constexpr uint64_t kMsNs = 1'000'000;

void pause_ms(uint64_t ms) { real_runtime().sleep_ns(ms * kMsNs); }

// False when it did not come to be within ten seconds.
bool comes_to_be(const std::function<bool()>& what) {
  for (int i = 0; i < 10'000; ++i) {
    if (what()) return true;
    pause_ms(1);
  }
  return false;
}

HttpOptions narrow(const ScriptedServer& server, uint32_t first, uint32_t max) {
  HttpOptions options = options_for({server.endpoint()});
  options.connections_first = first;
  options.connections_max = max;
  return options;
}

bool all_ok(const std::vector<HttpReply>& replies) {
  for (const HttpReply& reply : replies)
    if (reply.failure != HttpFailure::kNone || reply.status != 200) return false;
  return true;
}

// Counts requests from when they were read to when they are answered.
struct Gauge {
  std::atomic<int> now = 0, most = 0;
  void enter() {
    const int value = ++now;
    for (int seen = most; seen < value && !most.compare_exchange_weak(seen, value);) {
    }
  }
  void leave() { --now; }
};

// A script that holds all requests until it is opened.
struct Gate {
  std::atomic<bool> is_open = false;
  void wait() const {
    comes_to_be([&] { return is_open.load(); });
  }
};

TEST(Traffic, BeginsWithTheFirstLimitAndGrowsToTheMost) {
  constexpr int kMost = 10, kGrown = 100;
  Gate gate;
  Gauge gauge;
  std::atomic<int> answered = 0;
  ScriptedServer server([&](const Request&, Peer& peer) {
    gauge.enter();
    gate.wait();
    // The limit has grown by then: each waits for as many as there may be.
    if (answered++ >= kGrown) comes_to_be([&] { return gauge.most >= kMost; });
    pause_ms(2);
    gauge.leave();
    peer.reply(200);
  });
  const auto client = make_client(narrow(server, 4, kMost));
  std::thread opener([&] {
    EXPECT_TRUE(comes_to_be([&] { return server.in_script() == 4; }));
    pause_ms(100);
    EXPECT_EQ(server.in_script(), 4);
    gate.is_open = true;
  });
  EXPECT_TRUE(all_ok(client->run(std::vector<HttpJob>(200, get("/a")))));
  opener.join();
  EXPECT_EQ(gauge.most, kMost);
  EXPECT_EQ(server.count(), 200u);
}

TEST(Traffic, TheLimitIsOneForAllThreads) {
  Gauge gauge;
  ScriptedServer server([&](const Request&, Peer& peer) {
    gauge.enter();
    pause_ms(1);
    gauge.leave();
    peer.reply(200);
  });
  const auto client = make_client(narrow(server, 6, 6));
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) good += all_ok(client->run(std::vector<HttpJob>(20, get("/a"))));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
  EXPECT_EQ(server.count(), 800u);
  EXPECT_EQ(client->stats().attempts, 800u);
  EXPECT_EQ(gauge.most, 6);
}

TEST(Traffic, AShortCallIsNotHeldUpByALongBatch) {
  std::atomic<int> served = 0;
  ScriptedServer server([&](const Request&, Peer& peer) {
    pause_ms(2);
    ++served;
    peer.reply(200);
  });
  const auto client = make_client(narrow(server, 2, 2));
  std::thread batch(
      [&] { EXPECT_TRUE(all_ok(client->run(std::vector<HttpJob>(1'000, get("/batch"))))); });
  ASSERT_TRUE(comes_to_be([&] { return served > 4; }));
  const int before = served;
  EXPECT_EQ(run_one(*client, get("/short")).status, 200);
  EXPECT_LT(served - before, 200) << "of the batch were served first";
  batch.join();
}

TEST(Traffic, AComplaintHalvesTheLimit) {
  Gate gate, late;
  ScriptedServer server([&](const Request& request, Peer& peer) {
    if (request.count <= 16) {
      gate.wait();
      peer.reply(503, "slow down");
    } else {
      late.wait();
      peer.reply(200);
    }
  });
  const auto client = make_client(narrow(server, 16, 16));
  std::thread opener([&] {
    EXPECT_TRUE(comes_to_be([&] { return server.in_script() == 16; }));
    gate.is_open = true;
    EXPECT_TRUE(comes_to_be([&] { return server.count() == 24; }));
    pause_ms(200);
    EXPECT_EQ(server.in_script(), 8);
    late.is_open = true;
  });
  EXPECT_TRUE(all_ok(client->run(std::vector<HttpJob>(40, get("/a")))));
  opener.join();
  EXPECT_EQ(client->stats().throttled, 16u);
  EXPECT_EQ(client->stats().retries, 16u);
  EXPECT_EQ(client->stats().failed, 0u);
}

TEST(Traffic, RacersAreSentAtOnceOnConnectionsOfTheirOwnHoweverNarrowTheLimit) {
  Gate gate;
  ScriptedServer server([&](const Request& request, Peer& peer) {
    if (request.path == "/ref") gate.wait();
    peer.reply(200);
  });
  const auto client = make_client(narrow(server, 1, 8));
  ASSERT_EQ(run_one(*client, get("/a")).status, 200);
  HttpJob racer = put_once("/ref");
  racer.races = true;
  std::vector<HttpJob> jobs(16, racer);
  jobs.push_back(get("/a"));
  std::thread opener([&] {
    EXPECT_TRUE(comes_to_be([&] { return server.in_script() == 16; }));
    EXPECT_EQ(server.connections(), 17);
    gate.is_open = true;
  });
  EXPECT_TRUE(all_ok(client->run(jobs)));
  opener.join();
  EXPECT_EQ(server.count(), 18u);
  // All places were given back.
  EXPECT_TRUE(all_ok(client->run(std::vector<HttpJob>(20, get("/a")))));
}

TEST(Traffic, RequestsAreSpreadOverEndpoints) {
  const auto script = [](const Request&, Peer& peer) { peer.reply(200); };
  ScriptedServer one(script), two(script), three(script);
  const auto client = make_client(options_for({one.endpoint(), two.endpoint(), three.endpoint()}));
  EXPECT_TRUE(all_ok(client->run(std::vector<HttpJob>(300, get("/a")))));
  EXPECT_EQ(one.count() + two.count() + three.count(), 300u);
  for (const ScriptedServer* server : {&one, &two, &three}) EXPECT_GT(server->count(), 30u);
}

TEST(Traffic, ADeadEndpointIsLeftOut) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.reply(200); });
  const auto client =
      make_client(options_for({ScriptedServer::dead_endpoint(), server.endpoint()}));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(run_one(*client, get("/a")).status, 200);
  EXPECT_EQ(server.count(), 200u);
  // One found out that it is dead; others only once a second, then more rarely.
  EXPECT_GE(client->stats().attempts, 201u);
  EXPECT_LE(client->stats().attempts, 206u);
}

TEST(Traffic, AnEndpointThatFailsIsLeftOutAfterThreeTimes) {
  ScriptedServer bad([](const Request&, Peer& peer) { peer.reply(502); });
  ScriptedServer good([](const Request&, Peer& peer) { peer.reply(200); });
  const auto client = make_client(options_for({bad.endpoint(), good.endpoint()}));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(run_one(*client, get("/a")).status, 200);
  EXPECT_EQ(good.count(), 100u);
  EXPECT_GE(bad.count(), 3u);
  EXPECT_LE(bad.count(), 8u);
}

TEST(Traffic, WhereNobodyListensTheBudgetDecides) {
  const std::string one = ScriptedServer::dead_endpoint();
  const std::string other = ScriptedServer::dead_endpoint();
  const auto client = make_client(options_for({one, other}, kSecondNs));
  const auto replies = client->run(std::vector<HttpJob>(40, get("/a")));
  for (const HttpReply& reply : replies) {
    EXPECT_EQ(reply.failure, HttpFailure::kNotSent);
    EXPECT_FALSE(reply.what.empty());
  }
  // Each with its reason, whichever was asked last.
  const std::string& what = replies.front().what;
  for (const std::string& endpoint : {one, other}) {
    const size_t at = what.find(endpoint);
    ASSERT_NE(at, std::string::npos) << what;
    EXPECT_NE(what.find("connect", at), std::string::npos) << what;
  }
  EXPECT_GE(replies.front().attempts, 2u);
  EXPECT_EQ(client->stats().failed, 40u);
}

// Teaches the client how long requests of this size take.
void teach(HttpClient& client, int requests) {
  for (int i = 0; i < requests; ++i) ASSERT_EQ(run_one(client, get("/fast")).status, 200);
}

HttpJob hedged(const std::string& path) {
  HttpJob job = get(path);
  job.hedge = true;
  return job;
}

// What is asked first does not come; what is asked again comes at once.
ScriptedServer::Script first_is_lost() {
  return [](const Request& request, Peer& peer) {
    if (request.path == "/late" && request.count == 1) return peer.wait_until_gone();
    peer.reply(200, request.path + std::to_string(request.count));
  };
}

TEST(Traffic, ALateReadIsSentAgainAndTheFirstWholeReplyWins) {
  ScriptedServer server(first_is_lost());
  const auto client = client_of(server);
  teach(*client, 40);
  const HttpReply reply = run_one(*client, hedged("/late"));
  EXPECT_EQ(reply.body.view(), "/late2");
  EXPECT_EQ(reply.attempts, 2u);
  EXPECT_EQ(server.count(), 42u);
  EXPECT_EQ(client->stats().hedges, 1u);
  EXPECT_EQ(client->stats().retries, 0u);
  EXPECT_EQ(client->stats().failed, 0u);
  EXPECT_EQ(server.connections(), 2);
  // The lost one was dropped and its place is free.
  ASSERT_TRUE(comes_to_be([&] { return server.in_script() == 0; }));
  teach(*client, 5);
}

TEST(Traffic, AHedgeGoesToAnotherEndpoint) {
  std::atomic<int> asked = 0;
  const auto script = [&](const Request& request, Peer& peer) {
    if (request.path == "/late" && ++asked == 1) return peer.wait_until_gone();
    peer.reply(200);
  };
  ScriptedServer one(script), two(script);
  const auto client = make_client(options_for({one.endpoint(), two.endpoint()}));
  teach(*client, 40);
  ASSERT_EQ(one.count() + two.count(), 40u);
  const size_t before = one.count();
  EXPECT_EQ(run_one(*client, hedged("/late")).status, 200);
  EXPECT_EQ(one.count(), before + 1);
  EXPECT_EQ(one.count() + two.count(), 42u);
}

TEST(Traffic, OnlyReadsThatAskForItAreHedged) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    if (request.path == "/slow") pause_ms(300);
    peer.reply(200);
  });
  const auto client = client_of(server);
  teach(*client, 60);
  EXPECT_EQ(run_one(*client, get("/slow")).status, 200);
  HttpJob write = put_once("/slow");
  write.hedge = true;
  EXPECT_EQ(run_one(*client, write).status, 200);
  EXPECT_EQ(client->stats().hedges, 0u);
  EXPECT_EQ(run_one(*client, hedged("/slow")).status, 200);
  EXPECT_EQ(client->stats().hedges, 1u);
}

TEST(Traffic, AtMostOneRequestInTwentyIsHedged) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    if (request.path == "/slow") pause_ms(150);
    peer.reply(200);
  });
  const auto client = make_client(narrow(server, 64, 64));
  teach(*client, 40);
  const std::vector<HttpJob> jobs(40, hedged("/slow"));
  EXPECT_TRUE(all_ok(client->run(jobs)));
  EXPECT_LE(client->stats().hedges, 80u / 20);
  EXPECT_GE(client->stats().hedges, 1u);
  EXPECT_TRUE(comes_to_be([&] { return server.count() == 80 + client->stats().hedges; }));
}

TEST(Traffic, WhenTheFirstFailsTheHedgeDecides) {
  Gate gate;
  ScriptedServer server([&](const Request& request, Peer& peer) {
    if (request.path == "/late" && request.count == 1) {
      gate.wait();
      return (void)peer.reply(503);
    }
    if (request.path == "/late") {
      gate.is_open = true;
      pause_ms(100);
    }
    peer.reply(200, "second");
  });
  const auto client = client_of(server);
  teach(*client, 40);
  const HttpReply reply = run_one(*client, hedged("/late"));
  EXPECT_EQ(reply.body.view(), "second");
  EXPECT_EQ(server.count(), 42u);
}

TEST(Traffic, AnInterruptEndsTheCallAndTheClientGoesOn) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    if (request.path == "/never") return peer.wait_until_gone();
    peer.reply(200);
  });
  const auto client = client_of(server);
  {
    const InterruptScope scope([&] { return server.count() >= 3; });
    const auto replies = client->run(std::vector<HttpJob>{get("/a"), get("/never"), get("/never")});
    for (size_t i : {1, 2}) {
      EXPECT_EQ(replies[i].failure, HttpFailure::kStopped);
      EXPECT_EQ(replies[i].what, "the caller asked to stop");
    }
  }
  EXPECT_TRUE(comes_to_be([&] { return server.in_script() == 0; })) << "they were dropped";
  EXPECT_TRUE(all_ok(client->run(std::vector<HttpJob>(50, get("/a")))));
}

TEST(Traffic, AChildHasConnectionsOfItsOwn) {
#if defined(DREAMDB_SANITIZE_THREAD)
  GTEST_SKIP() << "the thread sanitizer cannot follow a fork of several threads";
#endif
  ScriptedServer server([](const Request& request, Peer& peer) {
    if (request.path == "/hold") return peer.wait_until_gone();
    peer.reply(200, request.path);
  });
  const auto client = make_client(narrow(server, 2, 2));
  ASSERT_EQ(run_one(*client, get("/parent")).status, 200);
  ASSERT_EQ(server.connections(), 1);
  // Another thread fills the limit while this one forks: in the child nobody would give it back.
  std::atomic<bool> stop = false;
  std::thread holder([&] {
    const InterruptScope scope([&] { return stop.load(); });
    client->run(std::vector<HttpJob>(2, get("/hold")));
  });
  ASSERT_TRUE(comes_to_be([&] { return server.in_script() == 2; }));
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // who waits for what is the parent's waits for ever
    bool good = true;
    for (int i = 0; i < 3; ++i)
      good = good && run_one(*client, get("/child")).body.view() == "/child";
    good = good && all_ok(client->run(std::vector<HttpJob>(20, get("/child"))));
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  stop = true;
  holder.join();
  const int before = server.connections();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run_one(*client, get("/parent")).body.view(), "/parent");
  EXPECT_LE(server.connections(), before + 1);
}

TEST(Traffic, AWrongEndpointIsNamed) {
  for (const char* endpoint :
       {"", "here", "ftp://host", "http://", "http://user@host", "http://h/p"}) {
    const auto made = make_http_client(options_for({endpoint}));
    ASSERT_FALSE(made.has_value()) << endpoint;
    EXPECT_EQ(made.error().code, Code::kInvalidArgument);
  }
  EXPECT_FALSE(make_http_client(options_for({})).has_value());
}

}  // namespace
}  // namespace dreamdb
