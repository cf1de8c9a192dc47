// Offers: taken or withdrawn, never both; answered or known to be lost.
#include "store/offer_box.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

namespace fs = std::filesystem;

struct OfferBoxTest : testing::Test {
  ScratchFolder folder;
  std::string place = folder.path() + "/box";
  OfferBox box{place};
  Offer offer{"0123456789abcdef", Buffer::copy_of("please")};

  std::unique_ptr<FolderTurn> turn() {
    return wait_folder_turn(folder.path(), 10'000, real_runtime());
  }
  // Waits for a turn with the offer, in a thread of its own.
  WaitedFolderTurn waited;
  std::thread wait(uint32_t timeout_ms = 30'000) {
    return std::thread([this, timeout_ms] {
      waited = wait_with_offer(folder.path(), box, timeout_ms, offer, real_runtime());
    });
  }
  std::vector<Offer> take() {
    std::vector<Offer> offers;
    while ((offers = box.take(real_runtime())).empty()) real_runtime().sleep_ns(1'000'000);
    return offers;
  }
};

TEST_F(OfferBoxTest, IsTakenOnceOrWithdrawn) {
  EXPECT_TRUE(box.take(real_runtime()).empty());  // there is no box yet
  ASSERT_TRUE(box.leave(offer));
  struct stat info{};
  ASSERT_EQ(stat(place.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  const auto offers = box.take(real_runtime());
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(offers[0].id, offer.id);
  EXPECT_EQ(offers[0].body.view(), "please");
  EXPECT_TRUE(box.take(real_runtime()).empty());
  EXPECT_FALSE(box.withdraw(offer));
  EXPECT_FALSE(box.find_answer(offer));
  box.answer(offer, Buffer::copy_of("done"));
  EXPECT_EQ(box.find_answer(offer)->view(), "done");
  EXPECT_FALSE(box.find_answer(offer));
  ASSERT_TRUE(box.leave(offer));
  EXPECT_TRUE(box.withdraw(offer));
  EXPECT_TRUE(box.take(real_runtime()).empty());
  EXPECT_TRUE(fs::is_empty(place));
}

TEST_F(OfferBoxTest, WhoeverTakesAndWhoeverWithdrawsNeverBothDo) {
  for (int round = 0; round < 200; ++round) {
    ASSERT_TRUE(box.leave(offer));
    std::atomic<int> winners{0};
    std::thread first([&] { winners += static_cast<int>(box.take(real_runtime()).size()); });
    std::thread second([&] { winners += static_cast<int>(box.take(real_runtime()).size()); });
    winners += box.withdraw(offer) ? 1 : 0;
    first.join();
    second.join();
    ASSERT_EQ(winners, 1);
  }
}

TEST_F(OfferBoxTest, WhatItsWriterLeftBehindIsNotTakenLater) {
  ASSERT_TRUE(box.leave(offer));
  box.answer({"aa", {}}, Buffer::copy_of("nobody comes for this"));
  std::ofstream(place + "/~new-bb") << "half";
  std::ofstream(place + "/~offer-not an id") << "no";
  const auto now = fs::file_time_type::clock::now();
  const auto age = [&](const char* name, int seconds) {
    fs::last_write_time(place + "/" + name, now - std::chrono::seconds(seconds));
  };
  age("~offer-0123456789abcdef", 6);
  age("~answer-aa", 6);
  age("~new-bb", 6);
  EXPECT_TRUE(box.take(real_runtime()).empty());
  EXPECT_FALSE(fs::exists(place + "/~offer-0123456789abcdef"));
  EXPECT_TRUE(fs::exists(place + "/~answer-aa"));
  age("~answer-aa", 61);
  age("~new-bb", 61);
  EXPECT_TRUE(box.take(real_runtime()).empty());
  EXPECT_FALSE(fs::exists(place + "/~answer-aa"));
  EXPECT_FALSE(fs::exists(place + "/~new-bb"));
}

TEST_F(OfferBoxTest, IsBounded) {
  EXPECT_FALSE(OfferBox("").leave(offer));
  EXPECT_FALSE(box.leave({"../x", Buffer::copy_of("x")}));
  EXPECT_FALSE(box.leave({"", Buffer::copy_of("x")}));
  EXPECT_FALSE(box.leave({"aa", Buffer::copy_of(std::string(kOfferBytesMax + 1, 'x'))}));
  for (size_t i = 0; i < kOffersTakenMax + 3; ++i)
    ASSERT_TRUE(box.leave({std::to_string(i), Buffer::copy_of("x")}));
  EXPECT_EQ(box.take(real_runtime()).size(), kOffersTakenMax);
  EXPECT_EQ(box.take(real_runtime()).size(), 3u);
}

TEST_F(OfferBoxTest, TheOneWhoseTurnItIsAnswersBeforeItEnds) {
  auto owner = turn();
  std::thread waiter = wait();
  const auto offers = take();
  owner->keep();
  EXPECT_TRUE(end_folder_turn(folder.path(), std::as_bytes(std::span("note", 4))));
  EXPECT_EQ(wait_folder_turn(folder.path(), 20, real_runtime()), nullptr);  // it is kept
  box.answer(offers[0], Buffer::copy_of("done"));
  owner.reset();
  waiter.join();
  EXPECT_EQ(waited.turn, nullptr);
  EXPECT_EQ(waited.answer->view(), "done");
  EXPECT_FALSE(waited.is_lost);
  EXPECT_EQ(turn()->note().view(), "note");
}

TEST_F(OfferBoxTest, WhoGetsTheTurnInsteadHasItsOfferBack) {
  auto owner = turn();
  std::thread waiter = wait();
  while (!fs::exists(place + "/~offer-" + offer.id)) real_runtime().sleep_ns(1'000'000);
  owner.reset();
  waiter.join();
  EXPECT_NE(waited.turn, nullptr);
  EXPECT_FALSE(waited.answer);
  EXPECT_FALSE(waited.is_lost);
  EXPECT_TRUE(fs::is_empty(place));
  // The same when the time is over.
  wait(50).join();
  EXPECT_EQ(waited.turn == nullptr, true);
  EXPECT_FALSE(waited.is_lost);
}

TEST_F(OfferBoxTest, AnOfferWhoseTakerDiedIsLost) {
  auto owner = turn();
  std::thread waiter = wait();
  take();
  owner->keep();
  owner.reset();
  waiter.join();
  EXPECT_NE(waited.turn, nullptr);
  EXPECT_FALSE(waited.answer);
  EXPECT_TRUE(waited.is_lost);
}

}  // namespace
}  // namespace dreamdb
