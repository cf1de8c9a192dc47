// Version files driven by hand: pruning, holes, corruption, and both ways to publish.
#include "store/folder_swap.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "store/folder_store.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

namespace fs = std::filesystem;

// Calls `hook` whenever a swap draws its write id, that is between its look and its link: other
// writers can act there, as if this one slept.
class SleepyRuntime final : public Runtime {
 public:
  uint64_t now_ns() override { return real_runtime().now_ns(); }
  uint64_t monotonic_ns() override { return real_runtime().monotonic_ns(); }
  void sleep_ns(uint64_t duration_ns) override { real_runtime().sleep_ns(duration_ns); }
  void random(std::span<std::byte> out) override {
    real_runtime().random(out);
    if (auto once = std::exchange(hook, nullptr)) once();
  }
  std::function<void()> hook;
};

class FolderSwapTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = open_folder_store(folder_.path(), false);
    ASSERT_TRUE(store.has_value());
    store_ = *store;
    auto sleepy = open_folder_store(folder_.path(), false, runtime_);
    ASSERT_TRUE(sleepy.has_value());
    sleepy_ = *sleepy;
  }

  // Swaps `count` times, whatever is there.
  void swap_often(int count) {
    for (int i = 0; i < count; ++i) {
      const auto loaded = store_->load("refs/m");
      ASSERT_TRUE(store_
                      ->swap("refs/m", loaded ? std::optional(loaded->version) : std::nullopt,
                             Buffer::copy_of("other " + std::to_string(i)))
                      .has_value());
    }
  }
  std::string file(uint64_t sequence) const {
    return directory() + "/" + version_file_name(sequence);
  }
  std::string directory() const { return folder_.path() + "/.swap/refs/m"; }
  std::vector<uint64_t> sequences() const {
    std::vector<uint64_t> all;
    for (const auto& entry : fs::directory_iterator(directory())) {
      if (auto n = parse_version_file_name(entry.path().filename().string())) all.push_back(*n);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  ScratchFolder folder_;
  SleepyRuntime runtime_;
  std::shared_ptr<Store> store_;
  std::shared_ptr<Store> sleepy_;
};

TEST_F(FolderSwapTest, KeepsTheNewestVersions) {
  swap_often(100);
  const auto kept = sequences();
  ASSERT_EQ(kept.size(), kVersionsKept);
  EXPECT_EQ(kept.front(), 100 - kVersionsKept + 1);
  EXPECT_EQ(kept.back(), 100u);
  EXPECT_EQ(fs::file_size(file(100)), kVersionHeaderSize + std::string("other 99").size());
}

TEST_F(FolderSwapTest, OneOtherWriterIsAConflict) {
  swap_often(5);
  const auto loaded = sleepy_->load("refs/m");
  runtime_.hook = [&] { swap_often(1); };
  EXPECT_EQ(sleepy_->swap("refs/m", loaded->version, Buffer::copy_of("mine")).error().code,
            Code::kConflict);
  EXPECT_EQ(store_->load("refs/m")->body.view(), "other 0");
}

TEST_F(FolderSwapTest, ALinkIntoAPrunedHoleIsAConflict) {
  for (const int others : {33, 34, 40, 100}) {
    swap_often(5);
    const auto loaded = sleepy_->load("refs/m");
    runtime_.hook = [&] { swap_often(others); };
    const uint64_t next = sequences().back() + 1;
    const auto swapped = sleepy_->swap("refs/m", loaded->version, Buffer::copy_of("mine"));
    ASSERT_FALSE(swapped.has_value()) << others;
    EXPECT_EQ(swapped.error().code, Code::kConflict) << others;
    EXPECT_FALSE(fs::exists(file(next))) << others;  // what was linked into the hole is gone
    EXPECT_EQ(store_->load("refs/m")->body.view(), "other " + std::to_string(others - 1));
  }
}

TEST_F(FolderSwapTest, AFirstCreationIntoAHoleIsAConflict) {
  runtime_.hook = [&] { swap_often(40); };
  EXPECT_EQ(sleepy_->swap("refs/m", std::nullopt, Buffer::copy_of("mine")).error().code,
            Code::kConflict);
  EXPECT_EQ(store_->load("refs/m")->body.view(), "other 39");
}

TEST_F(FolderSwapTest, AZombieInAHoleIsNeverRead) {
  swap_often(50);
  // A writer that died right after it linked into the hole left this behind.
  fs::copy_file(file(30), file(7));
  EXPECT_EQ(store_->load("refs/m")->body.view(), "other 49");
  swap_often(1);
  EXPECT_FALSE(fs::exists(file(7)));  // pruning took it along
}

TEST_F(FolderSwapTest, NumbersGoOnAfterADeletion) {
  swap_often(3);
  ASSERT_TRUE(store_->swap_delete("refs/m", store_->load("refs/m")->version));
  EXPECT_EQ(sequences().back(), 4u);
  swap_often(1);
  EXPECT_EQ(sequences().back(), 5u);
}

TEST_F(FolderSwapTest, AnExpectedVersionNeedsTheRightId) {
  swap_often(1);
  Version forged = store_->load("refs/m")->version;
  forged.token.back() = forged.token.back() == '0' ? '1' : '0';
  EXPECT_EQ(store_->swap("refs/m", forged, Buffer()).error().code, Code::kConflict);
}

TEST_F(FolderSwapTest, AFlippedByteIsCorruptionThatNamesTheFile) {
  swap_often(2);
  const auto version = store_->load("refs/m")->version;
  const auto size = fs::file_size(file(2));
  for (uint64_t at = 0; at < size; ++at) {
    std::fstream stream(file(2), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const char good = static_cast<char>(stream.get());
    const auto write = [&](char c) {
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(c).flush();
    };
    write(static_cast<char>(good ^ 4));
    for (const Error& error :
         {store_->load("refs/m").error(), store_->swap("refs/m", version, Buffer()).error()}) {
      EXPECT_EQ(error.code, Code::kCorruption) << at;
      EXPECT_NE(error.message.find(file(2)), std::string::npos);
    }
    write(good);
  }
  fs::resize_file(file(2), size - 1);
  EXPECT_EQ(store_->load("refs/m").error().code, Code::kCorruption);
  fs::remove(file(2));
  fs::copy_file(file(1), file(2));  // another version's bytes
  EXPECT_EQ(store_->load("refs/m").error().code, Code::kCorruption);
}

TEST_F(FolderSwapTest, ACopyWithoutOldVersionsStillWorks) {
  swap_often(10);
  for (uint64_t n = 1; n < 10; ++n) fs::remove(file(n));
  EXPECT_EQ(store_->load("refs/m")->body.view(), "other 9");
  swap_often(1);
  EXPECT_EQ(sequences(), (std::vector<uint64_t>{10, 11}));
}

class AheadTest : public FolderSwapTest {
 protected:
  // What the next writer finds ahead.
  std::optional<Loaded> ahead() {
    const auto turn = store_->wait_turn("refs/m", 1000);
    return turn == nullptr ? std::nullopt : turn->ahead();
  }
};

TEST_F(AheadTest, WhatIsHandedOverIsBuiltOnAndAwaited) {
  swap_often(3);
  FolderFiles files(folder_.path(), real_runtime());
  FolderSwap swap(files);
  const Version third = store_->load("refs/m")->version;
  const Buffer fourth = Buffer::copy_of("fourth");
  EXPECT_FALSE(ahead());
  auto turn = store_->wait_turn("refs/m", 1000);
  auto prepared = swap.prepare("refs/m", third, fourth.span(), false);
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_EQ(store_->wait_turn("refs/m", 0), nullptr);
  swap.hand_over("refs/m", *prepared, fourth.span());
  const auto coming = ahead();
  ASSERT_TRUE(coming);
  EXPECT_EQ(coming->body.view(), "fourth");
  EXPECT_EQ(store_->load("refs/m")->version, third);  // nobody else sees it
  // A fifth and a sixth are prepared on it, and wait for it.
  std::thread later([&] {
    const auto fifth = store_->publish({}, "refs/m", coming->version, Buffer::copy_of("fifth"));
    ASSERT_TRUE(fifth.swapped && *fifth.swapped) << fifth.swapped->error().message;
    const auto sixth = store_->swap("refs/m", **fifth.swapped, Buffer::copy_of("sixth"));
    ASSERT_TRUE(sixth) << sixth.error().message;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(store_->load("refs/m")->version, third);
  const auto made = swap.finish("refs/m", *prepared);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, coming->version);
  later.join();
  EXPECT_EQ(store_->load("refs/m")->body.view(), "sixth");
  EXPECT_EQ(sequences(), (std::vector<uint64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_FALSE(ahead());  // the note is of the past
}

TEST_F(AheadTest, WhatNeverComesIsAConflictAndHoldsNobodyUp) {
  swap_often(3);
  FolderFiles files(folder_.path(), real_runtime());
  FolderSwap swap(files);
  const Version third = store_->load("refs/m")->version;
  const Buffer lost = Buffer::copy_of("lost");
  {
    const auto turn = store_->wait_turn("refs/m", 1000);
    const auto prepared = swap.prepare("refs/m", third, lost.span(), false);
    ASSERT_TRUE(prepared);
    swap.hand_over("refs/m", *prepared, lost.span());
    swap.drop(*prepared);  // its writer dies
  }
  const auto never = ahead();
  ASSERT_TRUE(never);
  const auto built = store_->publish({}, "refs/m", never->version, Buffer::copy_of("on it"));
  ASSERT_TRUE(built.swapped);
  EXPECT_EQ(built.swapped->error().code, Code::kConflict);
  EXPECT_EQ(sequences(), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/.tmp"));
  // Another takes the number; what stood on the lost one is refused at once.
  ASSERT_TRUE(store_->swap("refs/m", third, Buffer::copy_of("fourth")));
  EXPECT_FALSE(ahead());
  EXPECT_EQ(store_->swap("refs/m", never->version, Buffer::copy_of("on it")).error().code,
            Code::kConflict);
  EXPECT_EQ(store_->load("refs/m")->body.view(), "fourth");
}

TEST_F(FolderSwapTest, AFolderWithoutVersionsIsAnAbsentKey) {
  fs::create_directories(directory());  // a writer died before its first link
  EXPECT_EQ(store_->load("refs/m").error().code, Code::kNotFound);
  EXPECT_TRUE(store_->list("", "", 9)->objects.empty());
  swap_often(1);
  EXPECT_EQ(sequences(), std::vector<uint64_t>{1});
}

TEST_F(FolderSwapTest, BothWaysToPublishAreExclusive) {
  for (const auto publish : {link_exclusively, rename_exclusively}) {
    const std::string from = folder_.path() + "/from";
    const std::string to = folder_.path() + "/to";
    std::ofstream(from) << "one";
    const Status first = publish(from, to);
    ASSERT_TRUE(first.has_value()) << first.error().message;
    fs::remove(from);
    std::ofstream(from) << "two";
    EXPECT_EQ(publish(from, to).error().code, Code::kConflict);
    std::string text;
    std::ifstream(to) >> text;
    EXPECT_EQ(text, "one");
    EXPECT_EQ(publish(from, folder_.path() + "/none/to").error().code, Code::kNotFound);
    fs::remove(to);
    fs::remove(from);
  }
}

TEST_F(FolderSwapTest, ALinkWhoseReplyWasLostIsOurs) {
  const std::string from = folder_.path() + "/from";
  std::ofstream(from) << "one";
  fs::create_hard_link(from, folder_.path() + "/to");  // the first try, whose reply was lost
  EXPECT_TRUE(link_exclusively(from, folder_.path() + "/to"));
}

}  // namespace
}  // namespace dreamdb
