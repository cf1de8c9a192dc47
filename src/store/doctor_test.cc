// The doctor on servers in memory, good and bad, and on folders.
#include "store/doctor.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "dreamdb/interrupt.h"
#include "runtime/process.h"
#include "store/doctor_ground.h"
#include "store/remote_testing.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

OpenRemote open_on(const std::shared_ptr<FakeS3>& server) {
  return [server](std::string_view below) -> Result<std::shared_ptr<RemoteStore>> {
    const std::string prefix = "data/pets" + (below.empty() ? "" : "/" + std::string(below));
    return remote({}, "bucket", server, prefix).store;
  };
}

Diagnosis diagnose_fake(const std::shared_ptr<FakeS3>& server, bool measures_load = false) {
  const OpenRemote open = open_on(server);
  auto found = diagnose_remote(open, {measures_load}, real_runtime());
  EXPECT_TRUE(found.has_value()) << found.error().message;
  return found ? *std::move(found) : Diagnosis();
}

Diagnosis diagnose_fake(const FakeS3Quirks& quirks) {
  return diagnose_fake(std::make_shared<FakeS3>(quirks));
}

const Finding& finding(const Diagnosis& diagnosis, std::string_view check) {
  static const Finding kNone{"none", Health::kUnknown, "there is no such finding", ""};
  for (const Finding& one : diagnosis.findings)
    if (one.check == check) return one;
  return kNone;
}

std::string verdict_name() { return "data/pets/" + verdict_key("http://fake:80/bucket"); }

TEST(Doctor, AGoodServerIsSafeAndIsLeftAsItWas) {
  for (const bool ceph : {false, true}) {
    const auto server =
        std::make_shared<FakeS3>(FakeS3Quirks{.plain_tags = ceph, .losers_see_500 = ceph});
    const Diagnosis diagnosis = diagnose_fake(server, true);
    EXPECT_EQ(diagnosis.shared_writing, Health::kGood) << diagnosis.reason;
    for (const Finding& one : diagnosis.findings)
      EXPECT_EQ(one.health, Health::kGood) << one.check << ": " << one.found;
    for (const std::string_view check : {"list", "write", "read", "delete", "versions", "race",
                                         "tags", "ranges", "listing", "parts", "clock"})
      EXPECT_EQ(finding(diagnosis, check).health, Health::kGood) << check;
    ASSERT_TRUE(diagnosis.load.has_value());
    EXPECT_EQ(diagnosis.load->small_put.count, 100u);
    EXPECT_GT(diagnosis.load->get_mb_s, 0);
    // The verdict is all that is left.
    const auto objects = server->objects();
    ASSERT_EQ(objects.size(), 1u) << objects.begin()->first;
    const auto verdict = parse_verdict(objects.at(verdict_name()));
    ASSERT_TRUE(verdict.has_value());
    EXPECT_EQ(verdict->style, ceph ? EtagStyle::kPlain : EtagStyle::kQuoted);
    EXPECT_EQ(verdict->losers_see_500, ceph);
  }
}

TEST(Doctor, AServerThatIgnoresConditionsIsUnsafeAndItsOldVerdictIsForgotten) {
  const auto server = std::make_shared<FakeS3>();
  EXPECT_EQ(diagnose_fake(server).shared_writing, Health::kGood);
  EXPECT_TRUE(server->objects().contains(verdict_name()));
  server->set({.ignores_conditions = true, .keeps_versions = true});
  const Diagnosis diagnosis = diagnose_fake(server);
  EXPECT_EQ(diagnosis.shared_writing, Health::kBad);
  EXPECT_NE(diagnosis.reason.find("16 of 16 writers won"), std::string::npos);
  EXPECT_EQ(diagnosis.reason.find(".dreamdb"), std::string::npos) << diagnosis.reason;
  EXPECT_EQ(finding(diagnosis, "versions").health, Health::kNote);
  EXPECT_FALSE(diagnosis.load.has_value());
  EXPECT_TRUE(server->objects().empty());
  // Who writes now is refused.
  const Remote r = remote({}, "bucket", server);
  EXPECT_FALSE(r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1")).has_value());
}

TEST(Doctor, AServerThatKnowsOneConditionOfTwoIsUnsafe) {
  const Diagnosis absent = diagnose_fake({.ignores_absent = true});
  EXPECT_EQ(absent.shared_writing, Health::kBad);
  EXPECT_NE(absent.reason.find("If-None-Match"), std::string::npos) << absent.reason;
  const Diagnosis match = diagnose_fake({.ignores_match = true});
  EXPECT_EQ(match.shared_writing, Health::kBad);
  EXPECT_NE(match.reason.find("If-Match"), std::string::npos) << match.reason;
}

TEST(Doctor, TheVerdictIsRenewed) {
  const auto server = std::make_shared<FakeS3>();
  diagnose_fake(server);
  const auto first = parse_verdict(server->objects().at(verdict_name()));
  server->set({.plain_tags = true});
  diagnose_fake(server);
  const auto second = parse_verdict(server->objects().at(verdict_name()));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->style, EtagStyle::kPlain);
  EXPECT_GT(second->time_ns, first->time_ns);
}

TEST(Doctor, WithoutTagsNothingCanBeSwapped) {
  const Diagnosis diagnosis = diagnose_fake({.no_tags = true});
  EXPECT_EQ(diagnosis.shared_writing, Health::kBad);
  EXPECT_EQ(finding(diagnosis, "tags").health, Health::kBad);
}

TEST(Doctor, ListingsThatMissOrReorderAreUnsafe) {
  const Diagnosis stale = diagnose_fake({.stale_lists = true});
  EXPECT_EQ(stale.shared_writing, Health::kBad);
  EXPECT_NE(finding(stale, "listing").found.find("0 of 8"), std::string::npos);
  const Diagnosis backwards = diagnose_fake({.wrong_order = true});
  EXPECT_EQ(backwards.shared_writing, Health::kBad);
  EXPECT_NE(finding(backwards, "listing").found.find("order"), std::string::npos);
}

TEST(Doctor, WritersAreRefusedForWhatItFoundUntilItIsMended) {
  const auto server = std::make_shared<FakeS3>(FakeS3Quirks{.wrong_order = true});
  EXPECT_EQ(finding(diagnose_fake(server), "race").health, Health::kGood);
  const auto swapped = [&] {
    const Remote r = remote({}, "bucket", server);
    return r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1"));
  };
  const auto refused = swapped();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  for (const char* const part : {"listing: ", "order", "Reading works", "`dreamdb doctor`"})
    EXPECT_NE(refused.error().message.find(part), std::string::npos) << refused.error().message;
  const auto kept = parse_verdict(server->objects().at(verdict_name()));
  ASSERT_TRUE(kept.has_value());
  EXPECT_TRUE(kept->unsafe.starts_with("listing: "));
  // A new examination that finds the same lets nobody in while it goes on.
  server->take_attempts();
  diagnose_fake(server);
  std::vector<std::string> written;
  for (const HttpAttempt& attempt : server->take_attempts())
    if (attempt.method == "PUT" && attempt.url.ends_with(verdict_name()))
      written.emplace_back(attempt.body.view());
  ASSERT_EQ(written.size(), 1u);
  EXPECT_NE(written[0].find("\nunsafe listing: "), std::string::npos) << written[0];
  // Keys that may only read are told the same.
  server->set({.refuses_writes = true, .wrong_order = true});
  EXPECT_EQ(diagnose_fake(server).shared_writing, Health::kBad);
  server->set({});
  EXPECT_FALSE(swapped().has_value());
  EXPECT_EQ(diagnose_fake(server).shared_writing, Health::kGood);
  EXPECT_TRUE(swapped().has_value());
}

TEST(Doctor, WherePartsFailSmallerObjectsAreSafeAsTheyAreForWriters) {
  struct Case {
    FakeS3Quirks quirks;
    uint64_t most;
    std::string_view found, to_do;
  };
  const uint64_t large = 32 << 20;
  for (const Case& c : {Case{{.no_parts = true},
                             large - 1,
                             "Objects below 32 MiB go up whole",
                             "take multipart uploads"},
                        Case{{.body_bytes_max = (8 << 20) - 1},
                             6 << 20,
                             "Objects up to 6 MiB",
                             "take bodies of 32 MiB and multipart"},
                        Case{{.body_bytes_max = 1'000'000}, 768 << 10, "Objects up to 768 KiB", ""},
                        Case{{.body_bytes_max = 100'000}, 96 << 10, "Objects up to 96 KiB", ""},
                        Case{{.body_bytes_max = 10'000}, 0, "Nor does an object of 64 KiB", ""}}) {
    const auto server = std::make_shared<FakeS3>(c.quirks);
    const Diagnosis diagnosis = diagnose_fake(server);
    EXPECT_EQ(diagnosis.shared_writing, Health::kGood) << diagnosis.reason;
    EXPECT_EQ(diagnosis.object_bytes_max, c.most);
    const Finding& parts = finding(diagnosis, "parts");
    EXPECT_EQ(parts.health, Health::kNote);
    EXPECT_NE(parts.found.find(c.found), std::string::npos) << parts.found;
    EXPECT_NE(parts.to_do.find(c.to_do), std::string::npos) << parts.to_do;
    EXPECT_EQ(server->objects().size(), 1u);
    // A writer finds the verdict, and is refused only what is too large.
    const Remote r = remote({}, "bucket", server);
    EXPECT_TRUE(r.store->swap("refs/main", std::nullopt, Buffer::copy_of("1")).has_value());
    const std::vector<PutRequest> puts = {{"segments/a", Buffer::copy_of("x")},
                                          {"segments/b", Buffer::adopt(std::string(large, 'x'))}};
    const auto done = r.store->put_many(puts);
    EXPECT_TRUE(done[0].has_value());
    EXPECT_FALSE(done[1].has_value());
  }
}

TEST(Doctor, KeysThatOnlyReadAreToldWhatWorks) {
  const auto server = std::make_shared<FakeS3>();
  diagnose_fake(server);
  const Remote owner = remote({}, "bucket", server);
  const PutRequest put{"segments/a", Buffer::copy_of("x")};
  ASSERT_TRUE(owner.store->put_many(std::span(&put, 1)).front().has_value());
  server->set({.refuses_writes = true});
  const Diagnosis diagnosis = diagnose_fake(server);
  EXPECT_EQ(diagnosis.shared_writing, Health::kUnknown);
  EXPECT_EQ(finding(diagnosis, "list").health, Health::kGood);
  EXPECT_EQ(finding(diagnosis, "read").health, Health::kGood);
  EXPECT_EQ(finding(diagnosis, "write").health, Health::kNote);
  EXPECT_NE(finding(diagnosis, "race").found.find("0 days ago was passed"), std::string::npos);
  EXPECT_EQ(finding(diagnosis, "cleaning").check, "none") << "nothing was written";
}

TEST(Doctor, KeysThatMayNotListOrDeleteAreToldSo) {
  const Diagnosis unlisted = diagnose_fake({.refuses_lists = true});
  EXPECT_EQ(unlisted.shared_writing, Health::kGood) << unlisted.reason;
  EXPECT_EQ(finding(unlisted, "list").health, Health::kNote);
  EXPECT_EQ(finding(unlisted, "listing").check, "none");
  const Diagnosis kept = diagnose_fake({.refuses_deletes = true});
  EXPECT_EQ(finding(kept, "delete").health, Health::kNote);
  EXPECT_EQ(finding(kept, "race").health, Health::kGood);
  EXPECT_NE(finding(kept, "cleaning").found.find("are left"), std::string::npos);
  EXPECT_EQ(finding(kept, "ranges").check, "none");
}

TEST(Doctor, AdviceIsAboutWhatTheServerRefuses) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"ExpiredToken", "get a new session token and set AWS_SESSION_TOKEN"},
      {"RequestTimeTooSkewed", "set this machine's clock"},
      {"InvalidAccessKeyId", "correct the keys of"},
      {"SignatureDoesNotMatch", "correct the secret key of"}};
  for (const auto& [code, advice] : cases) {
    const Diagnosis diagnosis = diagnose_fake({.refuses_callers = code});
    EXPECT_EQ(diagnosis.shared_writing, Health::kUnknown);
    ASSERT_EQ(diagnosis.findings.size(), 1u) << code;
    const Finding& reach = finding(diagnosis, "reach");
    EXPECT_NE(reach.found.find(code), std::string::npos) << reach.found;
    EXPECT_NE(reach.to_do.find(advice), std::string::npos) << reach.to_do;
    EXPECT_EQ(reach.to_do.find("ListBucket"), std::string::npos);
    EXPECT_EQ(reach.found.find("restart"), std::string::npos) << reach.found;
  }
  const Diagnosis diagnosis = diagnose_fake({.refuses_callers = "AccessDenied"});
  EXPECT_NE(finding(diagnosis, "list").to_do.find("s3:ListBucket"), std::string::npos);
  EXPECT_EQ(finding(diagnosis, "write").health, Health::kNote);
}

TEST(Doctor, AServerThatLosesRepliesAndHasFaultsIsNotCondemned) {
  for (int seed = 1; seed <= 5; ++seed) {
    const auto server =
        std::make_shared<FakeS3>(FakeS3Quirks{.lost_replies = 0.1, .faults = 0.05, .seed = seed});
    EXPECT_NE(diagnose_fake(server).shared_writing, Health::kBad) << seed;
  }
}

TEST(Doctor, WhoStopsItFindsNothingLeft) {
  for (const int after : {1, 5, 9, 20, 60, 150, 300}) {
    const auto server = std::make_shared<FakeS3>();
    int asked = 0;
    const InterruptScope scope([&] { return ++asked > after; });
    const OpenRemote open = open_on(server);
    const auto found = diagnose_remote(open, {true}, real_runtime());
    if (found.has_value()) continue;
    EXPECT_EQ(found.error().code, Code::kCancelled);
    for (const auto& [key, body] : server->objects()) EXPECT_EQ(key, verdict_name()) << after;
  }
}

TEST(Doctor, WhatKilledRunsLeftIsRemovedAndWhatOthersWriteIsNot) {
  const auto server = std::make_shared<FakeS3>();
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  const std::string dead = process_scope() + "-" + std::to_string(child) + "-00112233";
  const std::string alive = process_scope() + "-" + std::to_string(getpid()) + "-00112233";
  EXPECT_TRUE(is_over(dead, 0));
  EXPECT_FALSE(is_over(alive, 0));
  EXPECT_FALSE(is_over("ffffffff-1-00112233", 1'000'000'000));
  EXPECT_TRUE(is_over("ffffffff-1-00112233", 4'000'000'000'000));
  for (const std::string_view other : {"", "-", "x-1-2", "12345678-", "12345678--", "12345678-x-1"})
    EXPECT_FALSE(is_over(other, UINT64_MAX)) << other;
  const Remote r = remote({}, "bucket", server, "data/pets/.dreamdb/doctor/" + dead);
  const PutRequest put{"load-1", Buffer::copy_of("x")};
  ASSERT_TRUE(r.store->put_many(std::span(&put, 1)).front().has_value());
  const Remote own = remote({}, "bucket", server);
  const PutRequest user{"segments/a", Buffer::copy_of("x")};
  ASSERT_TRUE(own.store->put_many(std::span(&user, 1)).front().has_value());
  const Diagnosis diagnosis = diagnose_fake(server);
  EXPECT_NE(finding(diagnosis, "leftovers").found.find("1 objects"), std::string::npos);
  EXPECT_EQ(server->objects().size(), 2u);
  EXPECT_TRUE(server->objects().contains("data/pets/segments/a"));
}

TEST(Doctor, AFolderIsSafeAndIsLeftAsItWas) {
  const ScratchFolder scratch;
  std::filesystem::create_directories(scratch.path() + "/.doctor/" + process_scope() +
                                      "-4194000-0011/x");
  const auto diagnosis = diagnose_folder(scratch.path(), {}, real_runtime());
  ASSERT_TRUE(diagnosis.has_value()) << diagnosis.error().message;
  EXPECT_EQ(diagnosis->shared_writing, Health::kGood) << diagnosis->reason;
  EXPECT_EQ(finding(*diagnosis, "leftovers").health, Health::kGood);
  for (const std::string_view check : {"room", "read", "write", "links", "syncs", "race"})
    EXPECT_NE(finding(*diagnosis, check).check, "none") << check;
  EXPECT_TRUE(diagnosis->load.has_value());
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(Doctor, WhoStopsItFindsNothingLeftInAFolder) {
  for (const int after : {1, 3, 10, 100, 250}) {
    const ScratchFolder scratch;
    int asked = 0;
    const InterruptScope scope([&] { return ++asked > after; });
    const auto diagnosis = diagnose_folder(scratch.path(), {}, real_runtime());
    if (!diagnosis) {
      EXPECT_EQ(diagnosis.error().code, Code::kCancelled);
    }
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path())) << after;
  }
}

TEST(Doctor, AFolderThatIsNotThereIsNotMade) {
  const ScratchFolder scratch;
  const std::string path = scratch.path() + "/none";
  const auto diagnosis = diagnose_folder(path, {}, real_runtime());
  ASSERT_TRUE(diagnosis.has_value());
  EXPECT_EQ(diagnosis->shared_writing, Health::kUnknown);
  EXPECT_NE(diagnosis->reason.find("no such folder"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Doctor, OneBadFindingDecides) {
  Diagnosis diagnosis;
  conclude(diagnosis);
  EXPECT_EQ(diagnosis.shared_writing, Health::kUnknown);
  diagnosis.findings = {{"race", Health::kGood, "won", ""}, {"parts", Health::kUnknown, "", ""}};
  conclude(diagnosis);
  EXPECT_EQ(diagnosis.shared_writing, Health::kGood);
  diagnosis.findings.push_back({"ranges", Health::kBad, "wrong", ""});
  conclude(diagnosis);
  EXPECT_EQ(diagnosis.shared_writing, Health::kBad);
  EXPECT_EQ(diagnosis.reason, "wrong");
}

}  // namespace
}  // namespace dreamdb
