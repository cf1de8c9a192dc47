// Turns of writers on one machine, and what they leave to each other.
#include "store/turn_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "runtime/quick_runtime.h"
#include "store/counting_store.h"
#include "store/memory_store.h"
#include "store/scratch_folder.h"
#include "store/turn_folder.h"

namespace dreamdb {
namespace {

namespace fs = std::filesystem;

struct Machine {
  ScratchFolder folder;
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("far");
  std::shared_ptr<CountingStore> counted = std::make_shared<CountingStore>(memory);

  std::unique_ptr<TurnStore> writer(std::string_view place = "here") {
    return std::make_unique<TurnStore>(counted, place, folder.path());
  }
};

std::string text_of(Store& store, const std::string& key) {
  const ReadRequest request{.key = key};
  const auto read = std::move(store.read_many({&request, 1}).front());
  return read ? std::string(read->view()) : read.error().message;
}

TEST(TurnStore, TheNextWriterFindsWhatTheLastOneWrote) {
  Machine machine;
  const auto first = machine.writer(), second = machine.writer();
  const PutRequest puts[] = {{"manifests/m", Buffer::copy_of("a manifest")},
                             {"pages/p", Buffer::copy_of("a page")},
                             {"segments/s", Buffer::copy_of("data")}};
  auto turn = first->wait_turn("refs/main", 10);
  ASSERT_NE(turn, nullptr);
  EXPECT_FALSE(turn->ahead());
  EXPECT_EQ(second->wait_turn("refs/main", 0), nullptr);
  EXPECT_NE(second->wait_turn("refs/other", 0), nullptr);
  EXPECT_NE(machine.writer("elsewhere")->wait_turn("refs/main", 0), nullptr);
  const auto done = first->publish(puts, "refs/main", std::nullopt, Buffer::copy_of("ref"));
  ASSERT_TRUE(done.swapped && *done.swapped);

  const auto next = second->wait_turn("refs/main", 0);  // the turn ended with the puts
  ASSERT_NE(next, nullptr);
  const auto ahead = next->ahead();
  ASSERT_TRUE(ahead);
  EXPECT_EQ(ahead->body.view(), "ref");
  EXPECT_EQ(ahead->version, **done.swapped);
  const uint64_t before = machine.counted->snapshot().requests();
  EXPECT_EQ(text_of(*second, "manifests/m"), "a manifest");
  EXPECT_EQ(text_of(*second, "pages/p"), "a page");
  const ReadRequest part{"pages/p", 2, 100};
  EXPECT_EQ(second->read_many({&part, 1}).front()->view(), "page");
  EXPECT_EQ(machine.counted->snapshot().requests(), before);
  EXPECT_EQ(text_of(*second, "segments/s"), "data");  // data is not in the note
  EXPECT_EQ(machine.counted->snapshot().requests(), before + 1);
  // What is deleted here is not at hand any more.
  const std::string key = "pages/p";
  ASSERT_TRUE(second->delete_many({&key, 1}).front());
  EXPECT_NE(text_of(*second, "pages/p"), "a page");
}

TEST(TurnStore, ALostSwapIsNotBuiltOn) {
  Machine machine;
  const auto store = machine.writer();
  ASSERT_TRUE(machine.memory->swap("refs/main", std::nullopt, Buffer::copy_of("theirs")));
  const auto turn = store->wait_turn("refs/main", 10);
  const auto done = store->publish({}, "refs/main", std::nullopt, Buffer::copy_of("ours"));
  EXPECT_EQ(done.swapped->error().code, Code::kConflict);
  EXPECT_FALSE(store->wait_turn("refs/main", 0)->ahead());
}

// A store whose swaps wait until they are let go.
class SlowStore final : public Store {
 public:
  explicit SlowStore(std::shared_ptr<Store> inner) : inner_(std::move(inner)) {}
  std::atomic<bool> open{false};
  std::atomic<int> waiting{0};
  bool fails = false;

  std::string describe() const override { return inner_->describe(); }
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override {
    return inner_->read_many(requests);
  }
  std::vector<Status> put_many(std::span<const PutRequest> requests) override {
    return inner_->put_many(requests);
  }
  Result<Loaded> load(std::string_view key) override { return inner_->load(key); }
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override {
    ++waiting;
    open.wait(false);
    if (fails) return fail(Code::kOutcomeUnknown, "no answer");
    return inner_->swap(key, expected, body);
  }
  Status swap_delete(std::string_view key, const Version& expected) override {
    return inner_->swap_delete(key, expected);
  }
  Result<ListPage> list(std::string_view prefix, std::string_view after, size_t limit) override {
    return inner_->list(prefix, after, limit);
  }
  std::vector<Status> delete_many(std::span<const std::string> keys) override {
    return inner_->delete_many(keys);
  }

 private:
  const std::shared_ptr<Store> inner_;
};

// The first writer's swap is under way; the second builds on it and swaps when it has come to an
// end.
TEST(TurnStore, TheNextOneBuildsOnASwapThatIsUnderWay) {
  for (const bool fails : {false, true}) {
    const ScratchFolder folder;
    const auto memory = std::make_shared<MemoryStore>("far");
    const auto slow = std::make_shared<SlowStore>(memory);
    slow->fails = fails;
    TurnStore first(slow, "here", folder.path()), second(memory, "here", folder.path());
    const Version start = *memory->swap("refs/main", std::nullopt, Buffer::copy_of("0"));
    std::thread swapping([&] {
      const auto turn = first.wait_turn("refs/main", 1000);
      const auto done = first.publish({}, "refs/main", start, Buffer::copy_of("1"));
      EXPECT_EQ(done.swapped->has_value(), !fails);
    });
    while (slow->waiting == 0) std::this_thread::yield();
    const auto turn = second.wait_turn("refs/main", 1000);
    const auto ahead = turn->ahead();
    ASSERT_TRUE(ahead);
    EXPECT_EQ(ahead->body.view(), "1");
    std::atomic<bool> done = false;
    std::thread building([&] {
      const auto made = second.publish({}, "refs/main", ahead->version, Buffer::copy_of("2"));
      done = true;
      ASSERT_TRUE(made.swapped);
      EXPECT_EQ(made.swapped->has_value(), !fails);
      EXPECT_TRUE(*made.swapped || made.swapped->error().code == Code::kConflict);
      // Tried again, it stands for the same.
      const auto again = second.swap("refs/main", ahead->version, Buffer::copy_of("3"));
      EXPECT_EQ(again.error().code, Code::kConflict);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(done);
    EXPECT_EQ(memory->load("refs/main")->body.view(), "0");
    slow->open = true;
    slow->open.notify_all();
    swapping.join();
    building.join();
    EXPECT_EQ(memory->load("refs/main")->body.view(), fails ? "0" : "2");
  }
}

TEST(TurnStore, WhatNeverComesToAnEndIsAConflict) {
  QuickRuntime runtime;
  const ScratchFolder folder;
  TurnStore store(std::make_shared<MemoryStore>("far"), "here", folder.path(), runtime);
  for (const std::string id : {"0123456789abcdef", "../../../etc/pass", ""}) {
    const Version expected{"await:" + id};
    EXPECT_EQ(store.swap("refs/main", expected, Buffer()).error().code, Code::kConflict);
    EXPECT_EQ(store.swap_delete("refs/main", expected).error().code, Code::kConflict);
  }
}

TEST(TurnStore, FewFilesAreLeftBehind) {
  Machine machine;
  std::optional<Version> version;
  for (int i = 0; i < 20; ++i) {
    const auto store = machine.writer();
    const auto turn = store->wait_turn("refs/main", 10);
    EXPECT_TRUE(!version || turn->ahead()->version == *version);
    version =
        **store->publish({}, "refs/main", version, Buffer::copy_of(std::to_string(i))).swapped;
  }
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(machine.folder.path()))
    files += entry.is_regular_file();
  EXPECT_EQ(files, 2u);  // the lock with its note, and what the last one told
}

TEST(TurnStore, NotesAreReadBackAndNothingElseIs) {
  const TurnNote note{"0123456789abcdef",
                      Buffer::copy_of("body"),
                      {{"pages/a", Buffer::copy_of("x")}, {"segments/b", Buffer::copy_of("y")}}};
  const auto bytes = write_turn_note(note);
  ASSERT_TRUE(bytes);
  const auto back = parse_turn_note(Buffer::copy_of(*bytes));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->body.view(), "body");
  EXPECT_EQ(back->id, note.id);
  ASSERT_EQ(back->objects.size(), 1u);
  EXPECT_EQ(back->objects[0].key, "pages/a");
  for (size_t size = 0; size < bytes->size(); ++size)
    EXPECT_FALSE(parse_turn_note(Buffer::copy_of(std::span(*bytes).first(size)))) << size;
  std::vector<std::byte> longer = *bytes;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(parse_turn_note(Buffer::copy_of(longer)));
  // Many and large objects: as many as fit.
  TurnNote large = note;
  for (int i = 0; i < 100; ++i)
    large.objects.push_back(
        {"pages/" + std::to_string(i), Buffer::copy_of(std::string(60'000, 'x'))});
  large.objects.push_back({"pages/huge", Buffer::copy_of(std::string(200'000, 'x'))});
  const auto kept = write_turn_note(large);
  ASSERT_TRUE(kept);
  EXPECT_LE(kept->size(), kTurnNoteMax);
  EXPECT_GE(parse_turn_note(Buffer::copy_of(*kept))->objects.size(), 10u);
  large.body = Buffer::copy_of(std::string(kTurnNoteMax, 'x'));
  EXPECT_FALSE(write_turn_note(large));
}

TEST(TurnStore, AFolderThatOthersCanWriteToIsNotUsed) {
  const ScratchFolder folder;
  const char* const before = getenv("XDG_RUNTIME_DIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("XDG_RUNTIME_DIR", folder.path().c_str(), 1);
  const std::string made = folder_of_turns();
  EXPECT_EQ(fs::path(made).parent_path(), folder.path());
  EXPECT_EQ(folder_of_turns(), made);
  ASSERT_EQ(chmod(made.c_str(), 0770), 0);
  EXPECT_EQ(folder_of_turns(), "");
  fs::remove(made);
  fs::create_directory(folder.path() + "/else");
  fs::create_directory_symlink(folder.path() + "/else", made);
  EXPECT_EQ(folder_of_turns(), "");
  TurnStore store(std::make_shared<MemoryStore>("far"), "here", "");
  EXPECT_EQ(store.wait_turn("refs/main", 0), nullptr);
  EXPECT_TRUE(*store.publish({}, "refs/main", std::nullopt, Buffer()).swapped);
  if (kept.empty()) {
    unsetenv("XDG_RUNTIME_DIR");
  } else {
    setenv("XDG_RUNTIME_DIR", kept.c_str(), 1);
  }
}

}  // namespace
}  // namespace dreamdb
