// The remote store over a server in memory: swaps whose replies are lost, servers that must be
// refused, replies that are none. What every store must do is in store_conformance_test.cc.
#include "store/remote_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "http/scripted_server.h"
#include "store/remote_locator.h"
#include "store/remote_testing.h"

namespace dreamdb {
namespace {

template <typename T>
Code error_of(const Result<T>& result) {
  return result ? Code{} : result.error().code;
}

TEST(RemoteStore, ObjectsLieUnderThePrefix) {
  const Remote r = remote();
  const PutRequest request{"segments/a", Buffer::copy_of("x")};
  ASSERT_TRUE(r.store->put_many(std::span(&request, 1)).front());
  EXPECT_EQ(r.server->objects(),
            (std::map<std::string, std::string>{{"data/pets/segments/a", "x"}}));
  EXPECT_EQ(r.store->describe(), "s3://bucket/data/pets");
}

TEST(RemoteStore, NeighboursAreOneRequest) {
  const Remote r = remote();
  const PutRequest request{"s", Buffer::adopt(std::string(1 << 20, 'x'))};
  ASSERT_TRUE(r.store->put_many(std::span(&request, 1)).front());
  r.server->take_attempts();
  const std::vector<ReadRequest> reads = {{"s", 0, 100}, {"s", 100'000, 100}, {"s", 900'000, 50}};
  for (const auto& result : r.store->read_many(reads)) ASSERT_TRUE(result.has_value());
  EXPECT_EQ(r.server->take_attempts().size(), 2u);
}

TEST(RemoteStore, OneThreadRacesForAll) {
  const Remote r = remote();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::string key = "refs/t" + std::to_string(t);
      EXPECT_TRUE(r.store->swap(key, std::nullopt, Buffer::copy_of(key)).has_value());
    });
  }
  for (std::thread& thread : threads) thread.join();
  size_t raced = 0;
  for (const HttpAttempt& attempt : r.server->take_attempts())
    raced += attempt.method == "PUT" && attempt.url.find("/.dreamdb/race/") != std::string::npos;
  EXPECT_EQ(raced, 2 * kRaceWriters * kRaceRounds);
}

TEST(RemoteStore, LargeBodiesGoUpInParts) {
  const Remote r = remote();
  std::string body(40 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 2654435761u >> 13);
  const PutRequest requests[] = {{"s/large", Buffer::copy_of(body)},
                                 {"s/small", Buffer::copy_of("y")}};
  for (const Status& status : r.store->put_many(requests)) {
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  EXPECT_GE(r.server->take_attempts().size(), 5u + 2 + 1);
  EXPECT_TRUE(r.server->objects().at("data/pets/s/large") == body);
  const ReadRequest all[] = {{"s/large"}, {"s/large", 1 << 20}, {"s/small"}};
  const auto read = r.store->read_many(all);
  EXPECT_TRUE(read[0]->view() == body);
  EXPECT_TRUE(read[1]->view() == std::string_view(body).substr(1 << 20));
  EXPECT_EQ(read[2]->view(), "y");
}

TEST(RemoteStore, AFailedUploadIsAborted) {
  const Remote r = remote();
  HttpReply begun;
  begun.status = 200;
  begun.body = Buffer::copy_of(
      "<InitiateMultipartUploadResult><UploadId>u9</UploadId></InitiateMultipartUploadResult>");
  HttpReply denied;
  denied.status = 403;
  denied.body = Buffer::copy_of("<Error><Code>AccessDenied</Code></Error>");
  r.server->answer({begun, denied, denied, denied, denied, denied});
  const PutRequest request{"s/large", Buffer::adopt(std::string(40 << 20, 'x'))};
  EXPECT_EQ(error_of(r.store->put_many(std::span(&request, 1)).front()), Code::kDenied);
  const HttpAttempt last = r.server->take_attempts().back();
  EXPECT_EQ(last.method, "DELETE");
  EXPECT_TRUE(last.url.ends_with("s/large?uploadId=u9")) << last.url;
}

// A third of all replies lost: a writer alone is never told that another was first, and what it is
// told to be written is there.
TEST(RemoteStore, LostRepliesOfASoleWriter) {
  for (const bool ceph : {false, true}) {
    FakeS3Quirks quirks{.plain_tags = ceph, .losers_see_500 = ceph};
    const Remote r = remote(quirks);
    const auto first = r.store->swap("refs/main", std::nullopt, Buffer::copy_of("0"));
    ASSERT_TRUE(first.has_value()) << first.error().message;
    Version version = *first;
    quirks.lost_replies = quirks.lost_requests = quirks.faults = 0.15;
    r.server->set(quirks);
    for (int i = 1; i < 200; ++i) {
      const Buffer body = Buffer::copy_of("write " + std::to_string(i));
      auto next = r.store->swap("refs/main", version, body);
      if (!next) {
        ASSERT_EQ(next.error().code, Code::kOutcomeUnknown) << next.error().message;
        const auto loaded = r.store->load("refs/main");
        ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
        if (loaded->body.view() == body.view())
          next = loaded->version;
        else
          next = version;
      }
      version = *next;
    }
  }
}

// Increments by many through losses: each acknowledged one counts, no refused one does.
TEST(RemoteStore, CountersUnderLossAreExact) {
  for (const bool ceph : {false, true}) {
    FakeS3Quirks quirks{.plain_tags = ceph, .losers_see_500 = ceph};
    const Remote r = remote(quirks);
    ASSERT_TRUE(r.store->swap("refs/n", std::nullopt, Buffer::copy_of("")).has_value());
    quirks.lost_replies = quirks.lost_requests = 0.1;
    r.server->set(quirks);
    std::atomic<int> unknown = 0;
    std::vector<std::vector<std::string>> done(8), refused(8);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < done.size(); ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 40; ++i) {
          const std::string id = "<" + std::to_string(t) + "." + std::to_string(i) + ">";
          const auto loaded = r.store->load("refs/n");
          if (!loaded) continue;
          const auto swapped = r.store->swap("refs/n", loaded->version,
                                             Buffer::adopt(std::string(loaded->body.view()) + id));
          if (swapped)
            done[t].push_back(id);
          else if (swapped.error().code == Code::kConflict)
            refused[t].push_back(id);
          else
            ++unknown;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    r.server->set({.plain_tags = ceph});
    const auto loaded = r.store->load("refs/n");
    ASSERT_TRUE(loaded.has_value());
    size_t count = 0;
    for (size_t t = 0; t < done.size(); ++t) {
      for (const std::string& id : done[t]) {
        EXPECT_NE(loaded->body.view().find(id), std::string_view::npos) << id;
        ++count;
      }
      for (const std::string& id : refused[t])
        EXPECT_EQ(loaded->body.view().find(id), std::string_view::npos) << id;
    }
    EXPECT_GT(count, 40u);
  }
}

TEST(RemoteStore, AVerdictThatMayNotBeReadIsRacedForAgain) {
  const Remote r = remote();
  HttpReply denied;
  denied.status = 403;
  denied.body = Buffer::copy_of("<Error><Code>AccessDenied</Code></Error>");
  r.server->answer({denied});
  const auto swapped = r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1"));
  ASSERT_TRUE(swapped.has_value()) << swapped.error().message;
  EXPECT_EQ(r.server->objects().size(), 2u);
}

TEST(RemoteStore, TheVerdictIsKeptWithTheSpace) {
  const Remote first = remote({.plain_tags = true, .losers_see_500 = true});
  ASSERT_TRUE(first.store->swap("refs/a", std::nullopt, Buffer::copy_of("1")).has_value());
  const auto objects = first.server->objects();
  EXPECT_EQ(objects.size(), 2u);  // the ref and the verdict; races leave nothing
  const auto kept = parse_verdict(objects.at("data/pets/" + verdict_key("http://fake:80/bucket")));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->style, EtagStyle::kPlain);
  EXPECT_TRUE(kept->losers_see_500);
  EXPECT_EQ(first.store->list("", "", 10)->objects.size(), 1u);
  const Remote second = remote({}, "bucket", first.server);
  first.server->take_attempts();
  ASSERT_TRUE(second.store->swap("refs/b", std::nullopt, Buffer::copy_of("1")).has_value());
  EXPECT_EQ(first.server->take_attempts().size(), 2u);  // verdict, write
  ASSERT_TRUE(second.store->swap("refs/c", std::nullopt, Buffer::copy_of("1")).has_value());
  EXPECT_EQ(first.server->take_attempts().size(), 1u);
}

TEST(RemoteStore, WhatIsTooLongToBeAVerdictIsNone) {
  const Remote r = remote();
  HttpReply large;
  large.status = 200;
  large.body = Buffer::adopt(std::string(1 << 20, 'x'));
  r.server->answer({large});
  ASSERT_TRUE(r.store->swap("refs/a", std::nullopt, Buffer::copy_of("1")).has_value());
  EXPECT_GE(r.server->racers(), kRaceWriters);
}

TEST(RemoteStore, WritersOfARaceAreNotHeldBackByTheLimitAndOthersAre) {
  const Remote made = remote();
  ASSERT_TRUE(made.store->swap("refs/a", std::nullopt, Buffer::copy_of("1")).has_value());
  const size_t racers = made.server->racers();
  EXPECT_GE(racers, 32u);  // one race for absent keys, one for tags, at least
  EXPECT_EQ(racers % 16, 0u);
  ASSERT_TRUE(made.store->swap("refs/b", std::nullopt, Buffer::copy_of("1")).has_value());
  EXPECT_EQ(made.server->racers(), racers);
}

TEST(RemoteStore, TheRaceIsJudgedThoughRepliesAreLost) {
  for (const bool ceph : {false, true}) {
    for (int run = 0; run < 20; ++run) {
      const Remote r =
          remote({.plain_tags = ceph, .losers_see_500 = ceph, .lost_replies = 0.15, .seed = run});
      const auto swapped = r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1"));
      ASSERT_TRUE(swapped.has_value() || swapped.error().code != Code::kUnsupported)
          << swapped.error().message;
      const Remote bad = remote({.ignores_conditions = true, .lost_replies = 0.15, .seed = run});
      EXPECT_FALSE(bad.store->swap("refs/main", std::nullopt, Buffer::copy_of("1")).has_value());
    }
  }
}

// Whatever answers the writes of a race in the server's place, nothing was written.
TEST(RemoteStore, ARaceThatIsNotJudgedSaysWhatWasAnswered) {
  const auto answer = [](int status, const char* body, HttpFailure failure) {
    HttpReply reply;
    reply.status = status;
    reply.failure = failure;
    reply.what = failure == HttpFailure::kNone ? "" : "no reply came in time";
    reply.body = Buffer::copy_of(body);
    return reply;
  };
  const auto kNone = HttpFailure::kNone;
  const std::pair<HttpReply, const char*> answers[] = {
      {answer(503, "<Error><Code>SlowDown</Code></Error>", kNone), "HTTP 503, SlowDown"},
      {answer(500, "<Error><Code>InternalError</Code></Error>", kNone), "HTTP 500, InternalError"},
      {answer(200, "<html>Login</html>", kNone), "a page for people"},
      {answer(0, "", HttpFailure::kTimeout), "no reply came in time"}};
  for (const auto& [reply, said] : answers) {
    for (const bool only_matches : {false, true}) {
      const Remote r = remote();
      r.server->set({.instead = [&](const HttpAttempt& attempt) -> std::optional<HttpReply> {
        const bool is_match =
            std::any_of(attempt.headers.begin(), attempt.headers.end(),
                        [](const std::string& line) { return line.starts_with("if-match:"); });
        const bool races =
            attempt.method == "PUT" && attempt.url.find("race/") != std::string::npos;
        return races && (is_match || !only_matches) ? std::optional(reply) : std::nullopt;
      }});
      const auto swapped = r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1"));
      ASSERT_EQ(error_of(swapped), Code::kUnavailable) << said;
      EXPECT_NE(swapped.error().message.find(said), std::string::npos) << swapped.error().message;
      EXPECT_EQ(swapped.error().message.find("may have happened"), std::string::npos);
      for (const HttpAttempt& attempt : r.server->take_attempts())
        EXPECT_FALSE(attempt.method == "PUT" && attempt.url.find("refs/") != std::string::npos);
    }
  }
}

TEST(RemoteStore, ServersThatIgnoreConditionsAreRefused) {
  for (const bool no_tags : {false, true}) {
    const Remote r = remote({.ignores_conditions = !no_tags, .no_tags = no_tags});
    const PutRequest request{"segments/a", Buffer::copy_of("x")};
    ASSERT_TRUE(r.store->put_many(std::span(&request, 1)).front());
    const auto swapped = r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1"));
    ASSERT_EQ(error_of(swapped), Code::kUnsupported);
    EXPECT_NE(swapped.error().message.find(no_tags ? "no ETag" : "16 of 16 writers won"),
              std::string::npos)
        << swapped.error().message;
    EXPECT_EQ(error_of(r.store->swap_delete("refs/main", {"0123"})), Code::kUnsupported);
    EXPECT_EQ(error_of(r.store->load("refs/main")), Code::kNotFound);
    const ReadRequest read{"segments/a"};
    EXPECT_TRUE(r.store->read_many(std::span(&read, 1)).front().has_value());
    EXPECT_EQ(r.server->objects().size(), 1u);
  }
}

TEST(RemoteStore, WithoutPermissionToWriteReadingWorks) {
  const Remote r = remote();
  const PutRequest request{"segments/a", Buffer::copy_of("x")};
  ASSERT_TRUE(r.store->put_many(std::span(&request, 1)).front());
  r.server->set({.refuses_writes = true});
  const auto swapped = r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1"));
  EXPECT_EQ(error_of(swapped), Code::kDenied);
  EXPECT_NE(swapped.error().message.find("Reading may still work"), std::string::npos);
  EXPECT_EQ(error_of(r.store->put_many(std::span(&request, 1)).front()), Code::kDenied);
  const ReadRequest read{"segments/a"};
  EXPECT_EQ(r.store->read_many(std::span(&read, 1)).front()->view(), "x");
}

TEST(RemoteStore, AMissingBucketIsNoMissingKey) {
  const Remote r = remote({}, "other");
  for (const Code code : {error_of(r.store->load("refs/main")),
                          error_of(r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1"))),
                          error_of(r.store->list("", "", 1))}) {
    EXPECT_EQ(code, Code::kInvalidArgument);
  }
  EXPECT_NE(r.store->load("refs/main").error().message.find("there is no bucket other"),
            std::string::npos);
}

TEST(RemoteStore, AListingInTheWrongOrderIsAnError) {
  const Remote r = remote();
  const PutRequest requests[] = {{"a/1", Buffer()}, {"a/2", Buffer()}};
  for (const Status& status : r.store->put_many(requests)) ASSERT_TRUE(status.has_value());
  r.server->set({.wrong_order = true});
  const auto page = r.store->list("", "", 10);
  ASSERT_EQ(error_of(page), Code::kCorruption);
  EXPECT_NE(page.error().message.find("not in the order of bytes"), std::string::npos);
}

TEST(RemoteStore, RangesThatAreNotWhatWasAskedForAreRefused) {
  const Remote r = remote();
  HttpReply reply;
  reply.status = 206;
  reply.body = Buffer::copy_of("0123456789");
  const ReadRequest read{"s", 5, 10};
  for (const char* range : {"", "bytes 0-9/100", "bytes 5-13/100", "bytes 5-14/*"}) {
    reply.headers = {{"content-range", range}};
    r.server->answer({reply});
    EXPECT_EQ(error_of(r.store->read_many(std::span(&read, 1)).front()), Code::kUnavailable)
        << range;
  }
  reply.headers = {{"content-range", "bytes 5-14/100"}};
  r.server->answer({reply});
  EXPECT_EQ(r.store->read_many(std::span(&read, 1)).front()->view(), "0123456789");
  reply.headers.clear();
  reply.status = 200;  // all of it, though a part was asked for
  r.server->answer({reply});
  EXPECT_EQ(r.store->read_many(std::span(&read, 1)).front()->view(), "56789");
}

// On a real connection, since it is about what is received.
TEST(RemoteStore, OfARefThatIsFarTooLongLittleIsReceived) {
  constexpr uint64_t kTold = 200 << 20;
  for (const bool is_told : {true, false}) {
    ScriptedServer server([&](const ScriptedServer::Request&, ScriptedServer::Peer& peer) {
      peer.send(is_told ? ScriptedServer::Peer::head(200, kTold) : "HTTP/1.1 200 X\r\n\r\n");
      const std::string piece(1 << 20, 'x');
      for (uint64_t sent = 0; sent < kTold && peer.send(piece); sent += piece.size()) {
      }
      peer.hang_up();
    });
    const auto store = open_remote_store("s3+" + server.endpoint() + "/bucket/p",
                                         [](const std::string&) { return std::string(); });
    ASSERT_TRUE(store) << store.error().message;
    const auto loaded = (*store)->load("refs/main");
    ASSERT_EQ(error_of(loaded), Code::kCorruption);
    EXPECT_NE(loaded.error().message.find("refs/main in s3://bucket/p has more than 4194304 bytes"),
              std::string::npos)
        << loaded.error().message;
    EXPECT_LE((*store)->wire().received_bytes, is_told ? 1u << 20 : 5u << 20);
    EXPECT_EQ(server.count(), 1u);
  }
  const Remote r = remote();
  EXPECT_EQ(error_of(r.store->swap("refs/a", std::nullopt,
                                   Buffer::adopt(std::string(kMutableBytesMax + 1, 'x')))),
            Code::kInvalidArgument);
}

TEST(RemoteStore, AWebServerThatSpeaksS3IsToldOfThoughNothingIsThere) {
  ScriptedServer server([](const ScriptedServer::Request&, ScriptedServer::Peer& peer) {
    peer.reply(404, "<Error><Code>NoSuchKey</Code></Error>");
  });
  const auto store = open_remote_store(server.endpoint() + "/bucket/p",
                                       [](const std::string&) { return std::string(); });
  ASSERT_TRUE(store) << store.error().message;
  const auto loaded = (*store)->load("refs/main");
  ASSERT_EQ(error_of(loaded), Code::kNotFound);
  EXPECT_NE(loaded.error().message.find("It answers as S3 does: write s3+http://"),
            std::string::npos)
      << loaded.error().message;
}

TEST(RemoteStore, TheMarkCannotBeWritten) {
  const Remote r = remote();
  EXPECT_EQ(error_of(r.store->swap("refs/a", std::nullopt, Buffer::copy_of(deletion_mark()))),
            Code::kInvalidArgument);
}

TEST(Verdict, IsReadAsItWasWritten) {
  const Verdict verdict{"http://h:1/b", EtagStyle::kPlain, true, 123, {}};
  const std::string text = write_verdict(verdict);
  EXPECT_EQ(text,
            "dreamdb shared writing 1\nplace http://h:1/b\ntag plain\nloser 500\ntime_ns 123\n");
  EXPECT_EQ(parse_verdict(text), verdict);
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(parse_verdict(text.substr(0, i)).has_value()) << i;
  }
  EXPECT_FALSE(parse_verdict(text + "\n").has_value());
  EXPECT_FALSE(parse_verdict("dreamdb shared writing 2" + text.substr(24)).has_value());
}

TEST(Verdict, SaysWhyNobodyMayWrite) {
  const Verdict verdict{"http://h:1/b", EtagStyle::kQuoted, false, 123, "listing: 0 of 8"};
  const std::string text = write_verdict(verdict);
  EXPECT_TRUE(text.ends_with("\ntime_ns 123\nunsafe listing: 0 of 8\n")) << text;
  EXPECT_EQ(parse_verdict(text), verdict);
  const std::string safe = text.substr(0, text.find("unsafe"));
  for (const char* const wrong : {"unsafe \n", "unsafe\n", "unsafe a", "unsafe a\n\n", "safe\n"})
    EXPECT_FALSE(parse_verdict(safe + wrong).has_value()) << wrong;
}

}  // namespace
}  // namespace dreamdb
