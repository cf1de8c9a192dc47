// The client against a server that misbehaves: what is repeated, resumed, ended and told.
#include <gtest/gtest.h>

#include <thread>

#include "http/client_testing.h"

namespace dreamdb {
namespace {

using Request = ScriptedServer::Request;
using Peer = ScriptedServer::Peer;

void wait_for_closed(const ScriptedServer& server, int count) {
  while (server.closed() < count) real_runtime().sleep_ns(1'000'000);
}

TEST(Client, ABatchComesBackInItsOrder) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    peer.reply(request.path == "/7" ? 404 : 200, request.method + " " + request.path + request.body,
               {{"X-Mixed-Case", "kept"}});
  });
  const auto client = client_of(server);
  std::vector<HttpJob> jobs;
  for (int i = 0; i < 100; ++i) jobs.push_back(get("/" + std::to_string(i)));
  jobs.push_back(put_once("/put", "some bytes"));
  const auto replies = client->run(jobs);
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(replies[i].failure, HttpFailure::kNone) << replies[i].what;
    EXPECT_EQ(replies[i].status, i == 7 ? 404 : 200);
    EXPECT_EQ(replies[i].body.view(), "GET /" + std::to_string(i));
    EXPECT_EQ(replies[i].header("x-mixed-case"), "kept");
    EXPECT_EQ(replies[i].attempts, 1u);
    EXPECT_EQ(replies[i].endpoint, server.endpoint());
  }
  EXPECT_EQ(replies.back().body.view(), "PUT /putsome bytes");
  EXPECT_EQ(server.count(), 101u);
  EXPECT_EQ(client->stats().attempts, 101u);
  EXPECT_EQ(client->stats().sent_bytes, 10u);
  EXPECT_EQ(client->stats().connections, static_cast<uint64_t>(server.connections()));
  EXPECT_TRUE(client->run({}).empty());
}

TEST(Client, ConnectionsAreKeptAlsoByWritesThatGoOnce) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.reply(200); });
  const auto client = client_of(server);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(run_one(*client, put_once("/ref")).status, 200);
    EXPECT_EQ(run_one(*client, get("/a")).status, 200);
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client->stats().connections, 1u);
}

// The second request on each connection is read and not answered.
ScriptedServer::Script hang_up_on_kept() {
  return [](const Request& request, Peer& peer) {
    request.count_on_connection == 1 ? (void)peer.reply(200, "ok") : peer.hang_up();
  };
}

TEST(Client, AWriteThatGoesOnceIsNotSentAgainOnAClosedConnection) {
  ScriptedServer server(hang_up_on_kept());
  const auto client = client_of(server);
  ASSERT_EQ(run_one(*client, get("/a")).status, 200);
  const HttpReply reply = run_one(*client, put_once("/ref"));
  EXPECT_EQ(reply.failure, HttpFailure::kCut) << "it may have taken place";
  EXPECT_NE(reply.what.find("closed the kept connection"), std::string::npos) << reply.what;
  EXPECT_EQ(server.count(), 2u);
  EXPECT_EQ(client->stats().attempts, 2u);
  EXPECT_EQ(client->stats().failed, 1u);
}

TEST(Client, AReadIsSentAgainOnAClosedConnectionAndCounted) {
  ScriptedServer server(hang_up_on_kept());
  const auto client = client_of(server);
  ASSERT_EQ(run_one(*client, get("/a")).status, 200);
  EXPECT_EQ(run_one(*client, get("/a")).body.view(), "ok");
  EXPECT_EQ(server.count(), 3u);
  EXPECT_EQ(client->stats().attempts, 3u);
  EXPECT_EQ(client->stats().retries, 1u);
}

TEST(Client, AConnectionThatWasClosedMeanwhileIsNotUsed) {
  ScriptedServer server([](const Request&, Peer& peer) {
    peer.reply(200);
    peer.hang_up();
  });
  const auto client = client_of(server);
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(run_one(*client, put_once("/ref")).failure, HttpFailure::kNone);
    wait_for_closed(server, i);
  }
  EXPECT_EQ(server.count(), 5u);
}

TEST(Client, AfterAResetAWriteThatGoesOnceIsNotSentAgain) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.reset(); });
  EXPECT_EQ(run_one(*client_of(server), put_once("/ref")).failure, HttpFailure::kCut);
  EXPECT_EQ(server.count(), 1u);
}

TEST(Client, AWriteThatGoesOnceMayTryConnectionsUntilOneHolds) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.reply(200); });
  const auto client =
      make_client(options_for({ScriptedServer::dead_endpoint(), server.endpoint()}));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(run_one(*client, put_once("/ref")).status, 200);
  EXPECT_EQ(server.count(), 10u);
}

TEST(Client, AReadGetsThroughResets) {
  ScriptedServer server(
      [](const Request& request, Peer& peer) {
        request.count < 3 ? peer.reset() : (void)peer.reply(200, "at last");
      },
      [](int connection) { return connection > 2; });
  const auto client = client_of(server);
  const HttpReply reply = run_one(*client, get("/a"));
  EXPECT_EQ(reply.body.view(), "at last");
  EXPECT_EQ(reply.attempts, 5u);
  EXPECT_EQ(server.count(), 3u);
  EXPECT_EQ(client->stats().retries, 4u);
  EXPECT_EQ(client->stats().failed, 0u);
}

TEST(Client, AFaultIsTriedAgainForReadsAndToldForWritesThatGoOnce) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    request.count <= 2 ? peer.reply(500, "fault") : peer.reply(200, "ok");
  });
  const auto client = client_of(server);
  EXPECT_EQ(run_one(*client, get("/a")).attempts, 3u);
  const HttpReply reply = run_one(*client, put_once("/ref"));
  EXPECT_EQ(reply.failure, HttpFailure::kNone);
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body.view(), "fault");
  EXPECT_EQ(server.count(), 4u);
}

TEST(Client, RetryAfterIsWaitedFor) {
  for (const int status : {429, 503}) {
    ScriptedServer server([&](const Request& request, Peer& peer) {
      request.count == 1 ? peer.reply(status, "", {{"Retry-After", "1"}}) : peer.reply(200);
    });
    const auto client = client_of(server);
    EXPECT_EQ(run_one(*client, get("/a")).status, 200);
    const auto seen = server.requests();
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_GE(seen[1].at_ns - seen[0].at_ns, kSecondNs * 99 / 100);
    EXPECT_EQ(client->stats().throttled, 1u);
  }
}

TEST(Client, ARetryAfterBeyondTheBudgetIsTheEnd) {
  ScriptedServer server(
      [](const Request&, Peer& peer) { peer.reply(503, "later", {{"Retry-After", "3600"}}); });
  const HttpReply reply = run_one(*client_of(server), get("/a"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body.view(), "later");
  EXPECT_EQ(server.count(), 1u);
}

// A server of ranges whose replies are cut after so many bytes, the first two times; then
// `then` answers.
ScriptedServer::Script cutting(const std::string& object, size_t after,
                               const ScriptedServer::Script& then) {
  return [=](const Request& request, Peer& peer) {
    if (request.count > 2) return then(request, peer);
    const auto [first, last] = range_of(request);
    peer.send(Peer::head(206, last + 1 - first, part_headers("\"t\"", first, last, object.size())));
    peer.send(object.substr(first, after));
    peer.hang_up();
  };
}

void reply_range(const std::string& object, const Request& request, Peer& peer) {
  const auto [first, last] = range_of(request);
  peer.reply(206, object.substr(first, last + 1 - first),
             part_headers("\"t\"", first, last, object.size()));
}

HttpJob resumable(uint64_t offset, uint64_t size) {
  HttpJob job = get("/object", offset, size);
  job.resume = true;
  job.body_bytes_max = size;
  return job;
}

TEST(Client, ACutBodyIsResumedWhereItEnded) {
  const std::string object = sample_object();
  ScriptedServer server(cutting(object, 10'000, [&](const Request& request, Peer& peer) {
    reply_range(object, request, peer);
  }));
  const auto client = client_of(server);
  const HttpReply reply = run_one(*client, resumable(5'000, 50'000));
  EXPECT_EQ(reply.body.view(), object.substr(5'000, 50'000)) << reply.what;
  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1].headers.at("range"), "bytes=15000-54999");
  EXPECT_EQ(seen[2].headers.at("range"), "bytes=25000-54999");
  EXPECT_EQ(client->stats().resumed, 2u);
  EXPECT_EQ(client->stats().received_bytes, 50'000u);
}

TEST(Client, WithoutResumeACutBodyBeginsAnew) {
  const std::string object = sample_object();
  ScriptedServer server(cutting(object, 10'000, [&](const Request& request, Peer& peer) {
    reply_range(object, request, peer);
  }));
  HttpJob job = resumable(5'000, 50'000);
  job.resume = false;
  EXPECT_EQ(run_one(*client_of(server), job).body.view(), object.substr(5'000, 50'000));
  for (const Request& request : server.requests())
    EXPECT_EQ(request.headers.at("range"), "bytes=5000-54999");
}

// The rest is answered by what contradicts it, once; the job must begin anew.
void expect_anew(const std::function<void(const std::string&, Peer&)>& lie) {
  const std::string object = sample_object();
  ScriptedServer server(cutting(object, 10'000, [&](const Request& request, Peer& peer) {
    if (request.count == 3) return lie(object, peer);
    reply_range(object, request, peer);
  }));
  const auto client = client_of(server);
  const HttpReply reply = run_one(*client, resumable(5'000, 50'000));
  EXPECT_EQ(reply.body.view(), object.substr(5'000, 50'000)) << reply.what;
  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[2].headers.at("range"), "bytes=25000-54999");
  EXPECT_EQ(seen[3].headers.at("range"), "bytes=5000-54999");
}

TEST(Client, ARestThatBeginsElsewhereBeginsAnew) {
  expect_anew([](const std::string& object, Peer& peer) {
    peer.reply(206, object.substr(24'999, 30'001),
               part_headers("\"t\"", 24'999, 54'999, object.size()));
  });
}

TEST(Client, ARestOfAnotherObjectBeginsAnew) {
  expect_anew([](const std::string& object, Peer& peer) {
    peer.reply(206, object.substr(25'000, 30'000),
               part_headers("\"u\"", 25'000, 54'999, object.size()));
  });
  expect_anew([](const std::string&, Peer& peer) {
    peer.reply(416, "", {{"content-range", "bytes */10"}});
  });
}

TEST(Client, AWholeObjectInPlaceOfTheRestIsTakenFromItsBeginning) {
  const std::string object = sample_object();
  ScriptedServer server(cutting(object, 10'000, [&](const Request&, Peer& peer) {
    peer.reply(200, object, {{"etag", "\"t\""}});
  }));
  HttpJob job = resumable(5'000, 50'000);
  job.body_bytes_max = object.size();
  const HttpReply reply = run_one(*client_of(server), job);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body.view(), object);
}

TEST(Client, AFaultInPlaceOfTheRestKeepsWhatThereIs) {
  const std::string object = sample_object();
  ScriptedServer server(cutting(object, 10'000, [&](const Request& request, Peer& peer) {
    if (request.count == 3) return (void)peer.reply(503, "slow down");
    reply_range(object, request, peer);
  }));
  EXPECT_EQ(run_one(*client_of(server), resumable(5'000, 50'000)).body.view(),
            object.substr(5'000, 50'000));
  EXPECT_EQ(server.requests()[3].headers.at("range"), "bytes=25000-54999");
}

TEST(Client, BodiesInChunksAndByteByByte) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    if (request.path == "/chunks") {
      peer.send("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n");
      for (int i = 0; i < 100; ++i) peer.send("5\r\nhello\r\n");
      peer.send("0\r\netag: \"trailer\"\r\n\r\n");
      return;
    }
    const std::string all = Peer::head(200, 300, {{"a", "b"}}) + std::string(300, 'x');
    for (const char byte : all) peer.send({&byte, 1});
  });
  const auto client = client_of(server);
  const HttpReply chunks = run_one(*client, get("/chunks"));
  EXPECT_EQ(chunks.body.size(), 500u);
  EXPECT_EQ(chunks.header("etag"), "");
  const HttpReply bytes = run_one(*client, get("/bytes"));
  EXPECT_EQ(bytes.body.view(), std::string(300, 'x'));
  EXPECT_EQ(bytes.header("a"), "b");
  EXPECT_EQ(server.count(), 2u);
  EXPECT_EQ(server.connections(), 1);
}

TEST(Client, AHeadWithoutEndIsEnded) {
  ScriptedServer server([](const Request&, Peer& peer) {
    peer.send("HTTP/1.1 200 X\r\n");
    while (peer.send("header: " + std::string(1'000, 'x') + "\r\n")) {
    }
    peer.hang_up();
  });
  const HttpReply reply = run_one(*client_of(server), get("/a"));
  EXPECT_EQ(reply.failure, HttpFailure::kCut);
  EXPECT_EQ(server.count(), 1u) << "it would be as long the next time: " << reply.what;
}

TEST(Client, AnErrorWithoutEndIsEndedAndKeepsItsStatus) {
  ScriptedServer server([](const Request&, Peer& peer) {
    peer.send("HTTP/1.1 403 X\r\netag: \"e\"\r\n\r\n");
    while (peer.send(std::string(1'000, 'x'))) {
    }
    peer.hang_up();
  });
  for (const HttpJob& job : {get("/a"), put_once("/a")}) {
    const HttpReply reply = run_one(*client_of(server), job);
    EXPECT_EQ(reply.failure, HttpFailure::kNone) << reply.what;
    EXPECT_EQ(reply.status, 403);
    EXPECT_EQ(reply.body.size(), 65'536u);
  }
  EXPECT_EQ(server.count(), 2u);
}

TEST(Client, AReplyThatIsTooLongIsRefused) {
  ScriptedServer server(
      [](const Request&, Peer& peer) { peer.reply(200, std::string(10'000, 'x')); });
  HttpJob job = get("/a");
  job.body_bytes_max = 9'999;
  const HttpReply reply = run_one(*client_of(server), job);
  EXPECT_EQ(reply.failure, HttpFailure::kRefused);
  EXPECT_EQ(reply.error.code, Code::kCorruption);
  EXPECT_NE(reply.error.message.find("longer than 9999 bytes"), std::string::npos);
  HttpJob write = put_once("/a");
  write.body_bytes_max = 9'999;
  EXPECT_EQ(run_one(*client_of(server), write).failure, HttpFailure::kCut)
      << "it may have taken place";
  EXPECT_EQ(server.count(), 2u);
}

TEST(Client, WhatDoesNotMendItselfFailsAtOnce) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.reply(200); });
  HttpOptions options = options_for({"https" + server.endpoint().substr(4)});
  options.ca_file = "/no/such/file";
  const HttpReply no_file = run_one(*make_client(options), get("/a"));
  EXPECT_EQ(no_file.failure, HttpFailure::kNotSent) << no_file.what;
  EXPECT_EQ(no_file.attempts, 1u);
  EXPECT_NE(no_file.way_out.find("AWS_CA_BUNDLE"), std::string::npos);
  for (const char* url : {"ftp://127.0.0.1/a", "http://127.0.0.1:port/a"}) {
    HttpJob job;
    job.prepare = [=](const AttemptContext&) { return HttpAttempt{"GET", url, {}, {}}; };
    const HttpReply reply = run_one(*client_of(server), job);
    EXPECT_EQ(reply.failure, HttpFailure::kNotSent);
    EXPECT_EQ(reply.attempts, 1u) << reply.what;
    EXPECT_NE(reply.way_out.find("address"), std::string::npos);
  }
  EXPECT_EQ(server.count(), 0u);
}

TEST(Client, AnErrorOfPrepareIsTheJobsError) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.reply(200); });
  HttpJob job;
  job.prepare = [](const AttemptContext&) -> Result<HttpAttempt> {
    return fail(Code::kDenied, "no keys");
  };
  const auto client = client_of(server);
  const auto replies = client->run(std::vector<HttpJob>{job, get("/a"), job});
  EXPECT_EQ(replies[0].failure, HttpFailure::kRefused);
  EXPECT_EQ(replies[2].error.message, "no keys");
  EXPECT_EQ(replies[1].status, 200);
}

TEST(Client, WhatTheJobCallsTransientIsSentAgain) {
  ScriptedServer server([](const Request& request, Peer& peer) {
    peer.reply(200, request.count < 3 ? "<html>" : "data");
  });
  HttpJob job = get("/a");
  job.is_transient = [](const HttpReply& reply) { return reply.body.view() == "<html>"; };
  EXPECT_EQ(run_one(*client_of(server), job).body.view(), "data");
  EXPECT_EQ(server.count(), 3u);
}

TEST(Client, WhatIsTransientForEverIsSentMoreAndMoreRarelyAndEnds) {
  ScriptedServer server([](const Request&, Peer& peer) { peer.reply(200, "<html>"); });
  HttpJob job = get("/a");
  job.is_transient = [](const HttpReply&) { return true; };
  const auto client = make_client(options_for({server.endpoint()}, kSecondNs));
  EXPECT_EQ(run_one(*client, job).body.view(), "<html>");
  EXPECT_GE(server.count(), 5u);
  EXPECT_LE(server.count(), 100u);
}

TEST(Client, TheServersClockIsFollowedUnlessACacheKeptTheReply) {
  const auto date = [](int64_t ahead_seconds) {
    const time_t at = static_cast<time_t>(
        static_cast<int64_t>(real_runtime().now_ns() / kSecondNs) + ahead_seconds);
    char text[64];
    tm parts{};
    gmtime_r(&at, &parts);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return std::string(text);
  };
  ScriptedServer server([&](const Request& request, Peer& peer) {
    if (request.path == "/cached") {
      peer.reply(200, "", {{"date", date(-86'400)}, {"age", "86400"}});
    } else {
      peer.reply(200, "", {{"date", date(7'200)}});
    }
  });
  const auto client = client_of(server);
  run_one(*client, get("/cached"));
  EXPECT_EQ(client->clock_skew_ns(), 0);
  run_one(*client, get("/a"));
  run_one(*client, get("/cached"));
  EXPECT_NEAR(static_cast<double>(client->clock_skew_ns()), 7'200e9, 5e9);
  HttpJob job = get("/a");
  uint64_t told_ns = 0;
  job.prepare = [&, prepare = job.prepare](const AttemptContext& context) {
    told_ns = context.now_ns;
    return prepare(context);
  };
  run_one(*client, job);
  EXPECT_GT(told_ns, real_runtime().now_ns() + 7'000 * kSecondNs);
}

}  // namespace
}  // namespace dreamdb
