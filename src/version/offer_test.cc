// Changes that another writer commits: their form, and what becomes of them in every case.
#include "version/offer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "store/counting_store.h"
#include "store/folder_store.h"
#include "store/offer_box.h"
#include "store/scratch_folder.h"
#include "track/row_reader.h"
#include "version/commit.h"
#include "version/history.h"

namespace dreamdb {
namespace {

Entry record_entry(uint64_t first, uint64_t rows) {
  Entry entry;
  entry.first = first;
  entry.last = first + rows - 1;
  entry.step = 1;
  entry.rows = entry.records = rows;
  entry.child = Address::of(std::as_bytes(std::span(&first, 1)));
  entry.size = entry.bytes = 1000;
  entry.footer = 100;
  return entry;
}

// Adds records `first` to `first + rows - 1`.
Change append_of(uint64_t first, uint64_t rows = 2) {
  Change change;
  change.operation = "append";
  change.entries[kRecordTrack] = {record_entry(first, rows)};
  for (uint64_t i = 0; i < rows; ++i) change.new_records.push_back(first + i);
  return change;
}

OfferedChange example() {
  const Change change = append_of(7);
  return {WriteId{std::byte{1}},
          Hash{std::byte{2}},
          "program",
          "append",
          change.entries,
          {{FieldId{3}, Address{Hash{std::byte{4}}}, {record_entry(1, 5)}, {record_entry(2, 6)}}},
          {},
          change.new_records,
          {{"segments/x", Buffer::copy_of("bytes")}}};
}

TEST(Offer, IsReadAsItWasWritten) {
  const OfferedChange change = example();
  const auto body = write_offered_change(change);
  ASSERT_TRUE(body);
  const auto back = parse_offered_change(*body);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->write, change.write);
  EXPECT_EQ(back->base, change.base);
  EXPECT_EQ(back->program, "program");
  EXPECT_EQ(back->operation, "append");
  ASSERT_EQ(back->entries.size(), 1u);
  EXPECT_EQ(back->entries.at(kRecordTrack), change.entries.at(kRecordTrack));
  ASSERT_EQ(back->codes.size(), 1u);
  EXPECT_EQ(back->codes[0].field, FieldId{3});
  EXPECT_EQ(back->codes[0].spatial, change.codes[0].spatial);
  EXPECT_EQ(back->codes[0].codes, change.codes[0].codes);
  EXPECT_EQ(back->codes[0].covered, change.codes[0].covered);
  EXPECT_TRUE(back->ledger.empty());
  EXPECT_EQ(back->records, change.records);
  ASSERT_EQ(back->objects.size(), 1u);
  EXPECT_EQ(back->objects[0].body.view(), "bytes");
  for (size_t size = 0; size < body->size(); ++size)
    EXPECT_FALSE(parse_offered_change(body->slice(0, size))) << size;
  OfferedChange unsorted = change;
  std::reverse(unsorted.records.begin(), unsorted.records.end());
  EXPECT_FALSE(parse_offered_change(*write_offered_change(unsorted)));
  OfferedChange large = change;
  large.objects.push_back({"segments/y", Buffer::copy_of(std::string(kOfferBytesMax, 'y'))});
  EXPECT_FALSE(write_offered_change(large));

  const OfferAnswer answer{true, Address::of({}), {{"pages/p", Buffer::copy_of("page")}}};
  const Buffer said = write_offer_answer(answer);
  const auto heard = parse_offer_answer(said);
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->is_committed);
  EXPECT_EQ(heard->manifest, answer.manifest);
  EXPECT_EQ(heard->objects[0].body.view(), "page");
  EXPECT_FALSE(parse_offer_answer(write_offer_answer({}))->is_committed);
  OfferAnswer wide = answer;
  wide.objects.push_back({"pages/q", Buffer::copy_of(std::string(kOfferBytesMax, 'q'))});
  const Buffer cut = write_offer_answer(wide);
  EXPECT_LE(cut.size(), kOfferBytesMax);
  EXPECT_EQ(parse_offer_answer(cut)->manifest, wide.manifest);
  EXPECT_TRUE(parse_offer_answer(cut)->objects.empty());
  for (size_t size = 0; size < said.size(); ++size)
    EXPECT_FALSE(parse_offer_answer(said.slice(0, size))) << size;
}

// A writer as a process has it: its own store, cache and committer.
struct Writer {
  explicit Writer(const std::string& folder, uint64_t cache_bytes = 8 << 20)
      : store(std::make_shared<CountingStore>(*open_folder_store(folder, true))),
        objects(store, cache_bytes) {}

  std::shared_ptr<CountingStore> store;
  Objects objects;
  Committer committer{objects, real_runtime(), {Nonce{std::byte{9}}, "test"}};
  Tip tip;
  std::vector<uint64_t> refused;  // first anchors

  // False: refused.
  bool append(Change change) {
    const auto anchors = change.new_records;
    const auto is_free = [&](const Tip& moved) -> Result<bool> {
      DREAMDB_ASSIGN(const auto taken, find_records(objects, *moved.manifest, anchors));
      return taken.empty();
    };
    const auto rebase = [&](const Tip& moved, Change&) -> Result<bool> {
      DREAMDB_ASSIGN(const bool free, is_free(moved));
      if (free) return true;
      return fail(Code::kConflict, "taken");
    };
    auto moved = committer.commit(tip, std::move(change), rebase, is_free);
    if (!moved) {
      EXPECT_EQ(moved.error().code, Code::kConflict) << moved.error().message;
      refused.push_back(anchors.front());
      return false;
    }
    tip = *std::move(moved);
    // The tip of a commit has it, whoever wrote it.
    EXPECT_FALSE(find_records(objects, *tip.manifest, anchors)->empty());
    return true;
  }
};

class CommittedForOthers : public testing::Test {
 protected:
  CommittedForOthers() {
    Writer& first = *writers_.emplace_back(std::make_unique<Writer>(folder_.path()));
    Change change;
    change.operation = "create";
    change.edit = [](Manifest& manifest) -> Status {
      manifest.timeline = Address::of({});
      return {};
    };
    auto built = first.committer.build(nullptr, change, random_write_id(real_runtime()));
    EXPECT_TRUE(first.objects.put(built->objects));
    auto tip = create_ref(first.objects, real_runtime(), first.committer.writer(), "main",
                          built->address, std::make_shared<const Manifest>(built->manifest), false,
                          random_write_id(real_runtime()));
    EXPECT_TRUE(tip);
    first.tip = *std::move(tip);
  }

  Writer& add_writer(uint64_t cache_bytes = 8 << 20) {
    Writer& writer = *writers_.emplace_back(std::make_unique<Writer>(folder_.path(), cache_bytes));
    auto tip = load_tip(writer.objects, "main");
    EXPECT_TRUE(tip) << tip.error().message;
    if (tip) writer.tip = *std::move(tip);
    return writer;
  }

  // As the one who took the offer does it.
  static Result<Committer::Built> build_offered(Writer& taker, const OfferedChange& offer) {
    Change change;
    change.operation = offer.operation;
    change.entries = offer.entries;
    return taker.committer.build(&taker.tip, change, offer.write);
  }

  std::unique_ptr<Turn> take_turn() { return outside().wait_turn("refs/main", 10'000); }

  // Offers that wait, once there are `count` of them.
  std::vector<Offer> take_offers(Turn& turn, size_t count) {
    std::vector<Offer> all;
    while (all.size() < count) {
      for (Offer& offer : turn.take_offers()) all.push_back(std::move(offer));
      real_runtime().sleep_ns(1'000'000);
    }
    return all;
  }

  // The versions after the first, oldest first; each stands on the one before.
  std::vector<ManifestPtr> versions() {
    Objects fresh(*open_folder_store(folder_.path(), false), 8 << 20);
    const auto tip = load_tip(fresh, "main");
    EXPECT_TRUE(tip);
    std::vector<ManifestPtr> out;
    HistoryWalk walk(fresh, {tip->address(), tip->manifest});
    for (auto point = walk.next(); point && *point; point = walk.next())
      out.insert(out.begin(), (*point)->manifest);
    out.erase(out.begin());
    return out;
  }

  static uint64_t records(const Manifest& manifest) {
    const Root* root = manifest.find_track(kRecordTrack);
    return root == nullptr ? 0 : root->records;
  }

  Store& outside() { return *writers_.front()->store; }

  ScratchFolder folder_;
  std::vector<std::unique_ptr<Writer>> writers_;
};

TEST_F(CommittedForOthers, ManyAtOnceEachAsItsOwnVersion) {
  constexpr size_t kWriters = 8;
  constexpr uint64_t kCommits = 20;
  for (size_t w = 0; w < kWriters; ++w) add_writer();
  std::vector<std::thread> threads;
  for (size_t w = 1; w <= kWriters; ++w)
    threads.emplace_back([this, w] {
      for (uint64_t i = 0; i < kCommits; ++i)
        EXPECT_TRUE(writers_[w]->append(append_of(w * 1000 + 10 * i)));
    });
  for (std::thread& thread : threads) thread.join();
  const auto all = versions();
  ASSERT_EQ(all.size(), kWriters * kCommits);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(records(*all[i]), 2 * (i + 1));
    EXPECT_EQ(all[i]->writer, "test");
  }
  uint64_t swaps = 0;
  for (const auto& writer : writers_) swaps += writer->store->snapshot().of(StoreOp::kSwap);
  EXPECT_LT(swaps, kWriters * kCommits / 2);
}

TEST_F(CommittedForOthers, WithoutRoomInAnyCache) {
  constexpr size_t kWriters = 6;
  for (size_t w = 0; w < kWriters; ++w) add_writer(0);
  auto turn = take_turn();
  std::vector<std::thread> threads;
  for (size_t w = 1; w <= kWriters; ++w)
    threads.emplace_back([this, w] { EXPECT_TRUE(writers_[w]->append(append_of(100 * w))); });
  real_runtime().sleep_ns(50'000'000);  // all of them wait
  turn.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(versions().size(), kWriters);
  uint64_t swaps = 0;
  for (size_t w = 1; w <= kWriters; ++w) swaps += writers_[w]->store->snapshot().of(StoreOp::kSwap);
  EXPECT_LE(swaps, kWriters / 2);
}

// Pages of many wide tracks: not as many versions at once as there are offers.
TEST_F(CommittedForOthers, WithinABoundOfBytes) {
  constexpr size_t kWriters = 12;
  constexpr uint32_t kTracks = 100;
  constexpr uint64_t kEntries = 400;
  const auto on_all_tracks = [](uint64_t first, uint64_t entries) {
    Change change = append_of(first);
    for (uint32_t track = 1; track <= kTracks; ++track)
      for (uint64_t i = 0; i < entries; ++i)
        change.entries[FieldId{track}].push_back(record_entry(first + 10 * i, 2));
    return change;
  };
  Change wide = on_all_tracks(0, kEntries);
  wide.edit = [](Manifest& manifest) -> Status {
    for (uint32_t track = 1; track <= kTracks; ++track) {
      Field field;
      field.name = "field " + std::to_string(track);
      field.type = FieldType::kText;
      DREAMDB_TRY(manifest.schema.add(field));
    }
    return {};
  };
  ASSERT_TRUE(writers_.front()->append(std::move(wide)));
  for (size_t w = 0; w < kWriters; ++w) add_writer();
  auto turn = take_turn();
  std::vector<std::thread> threads;
  for (size_t w = 1; w <= kWriters; ++w)
    threads.emplace_back(
        [&, w] { EXPECT_TRUE(writers_[w]->append(on_all_tracks(100'000 * w, 1))); });
  real_runtime().sleep_ns(100'000'000);  // all of them wait
  turn.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(versions().size(), 1 + kWriters);
  uint64_t swaps = 0;
  for (size_t w = 1; w <= kWriters; ++w) swaps += writers_[w]->store->snapshot().of(StoreOp::kSwap);
  EXPECT_GE(swaps, 2u);
}

TEST_F(CommittedForOthers, WhatMeetsTakenAnchorsIsRefusedByItsMaker) {
  constexpr size_t kWriters = 6;
  for (size_t w = 0; w < kWriters; ++w) add_writer();
  auto turn = take_turn();
  std::vector<std::thread> threads;
  for (size_t w = 1; w <= kWriters; ++w)
    threads.emplace_back([this, w] { writers_[w]->append(append_of(100 * (w % 3))); });
  real_runtime().sleep_ns(50'000'000);  // all of them wait
  turn.reset();
  for (std::thread& thread : threads) thread.join();
  const auto all = versions();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(records(*all.back()), 6u);
  size_t refused = 0;
  for (const auto& writer : writers_) refused += writer->refused.size();
  EXPECT_EQ(refused, 3u);
}

TEST_F(CommittedForOthers, AnAnswerThatSaysNoLeavesItToItsMaker) {
  Writer& writer = add_writer();
  auto turn = take_turn();
  std::thread thread([&] { EXPECT_TRUE(writer.append(append_of(10))); });
  for (const Offer& offer : take_offers(*turn, 1)) turn->answer(offer, write_offer_answer({}));
  turn.reset();
  thread.join();
  EXPECT_EQ(versions().size(), 1u);
}

TEST_F(CommittedForOthers, ATakerThatDiedBeforeItsSwapLosesNothing) {
  Writer& writer = add_writer();
  for (const std::string_view said : {"", "no answer that anybody could read"}) {
    auto turn = take_turn();
    std::thread thread([&] { EXPECT_TRUE(writer.append(append_of(said.empty() ? 10 : 20))); });
    const auto offers = take_offers(*turn, 1);
    if (!said.empty()) turn->answer(offers[0], Buffer::copy_of(said));
    turn.reset();
    thread.join();
  }
  EXPECT_EQ(versions().size(), 2u);
}

TEST_F(CommittedForOthers, WhatGoesWrongMeanwhileDoesNotSayThatNothingHappened) {
  Writer& writer = add_writer();
  auto turn = take_turn();
  std::thread thread([&] {
    const auto go_on = [](const Tip&, Change&) -> Result<bool> { return true; };
    const auto goes = [](const Tip&) -> Result<bool> { return true; };
    const auto moved = writer.committer.commit(writer.tip, append_of(10), go_on, goes);
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().code, Code::kOutcomeUnknown) << moved.error().message;
    EXPECT_FALSE(moved.error().message.contains("nothing was")) << moved.error().message;
  });
  take_offers(*turn, 1);
  std::filesystem::remove_all(folder_.path() + "/.swap/refs/main");
  turn.reset();
  thread.join();
}

TEST_F(CommittedForOthers, ATakerThatDiedAfterItsSwapHasDoneItForGood) {
  Writer& writer = add_writer();
  Writer& taker = add_writer();
  auto turn = take_turn();
  std::thread thread([&] { EXPECT_TRUE(writer.append(append_of(10))); });
  const auto offer = parse_offered_change(take_offers(*turn, 1)[0].body);
  ASSERT_TRUE(offer);
  // As the taker does it: the offer, and something of its own on it.
  const auto built = build_offered(taker, *offer);
  ASSERT_TRUE(built);
  Tip on = taker.tip;
  on.ref.manifest = built->address;
  on.manifest = std::make_shared<const Manifest>(built->manifest);
  for (const NewPage& page : built->pages)
    taker.objects.remember(page.address, page.page, page.body.size());
  const auto next = taker.committer.build(&on, append_of(20), WriteId{std::byte{7}});
  ASSERT_TRUE(next);
  std::vector<PutRequest> objects = built->objects;
  objects.insert(objects.end(), next->objects.begin(), next->objects.end());
  Ref ref = taker.tip.ref;
  ref.manifest = next->address;
  ref.write = {std::byte{7}};
  const auto published =
      taker.store->publish(objects, "refs/main", taker.tip.version, write_ref(ref));
  ASSERT_TRUE(published.swapped && *published.swapped);
  turn.reset();  // it dies here
  thread.join();
  EXPECT_EQ(writer.tip.address(), built->address);
  EXPECT_EQ(versions().size(), 2u);
  // And it goes on from there without losing what stands on its version.
  EXPECT_TRUE(writer.append(append_of(30)));
  ASSERT_EQ(versions().size(), 3u);
  EXPECT_EQ(records(*versions().back()), 6u);
}

TEST_F(CommittedForOthers, ATakerThatIsSlowCannotDoItTwice) {
  Writer& writer = add_writer();
  Writer& taker = add_writer();
  auto turn = take_turn();
  std::thread thread([&] { EXPECT_TRUE(writer.append(append_of(10))); });
  const auto offer = parse_offered_change(take_offers(*turn, 1)[0].body);
  ASSERT_TRUE(offer);
  thread.join();  // it waits no longer than two seconds, and commits by itself
  const auto built = build_offered(taker, *offer);
  Ref ref = taker.tip.ref;
  ref.manifest = built->address;
  const auto late =
      taker.store->publish(built->objects, "refs/main", taker.tip.version, write_ref(ref));
  ASSERT_TRUE(late.swapped);
  EXPECT_EQ(late.swapped->error().code, Code::kConflict);
  EXPECT_EQ(versions().size(), 1u);
}

TEST_F(CommittedForOthers, AnOfferForAnotherSchemaIsLeftToItsMaker) {
  Writer& changer = add_writer();
  Writer& appender = add_writer();
  Writer& third = add_writer();
  auto turn = take_turn();
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    Change change;
    change.operation = "add_field";
    change.edit = [](Manifest& manifest) -> Status {
      Field field;
      field.name = "x";
      field.type = FieldType::kInt;
      field.required = false;
      DREAMDB_TRY(manifest.schema.add(field));
      return {};
    };
    const auto go_on = [](const Tip&, Change&) -> Result<bool> { return true; };
    auto moved = changer.committer.commit(changer.tip, std::move(change), go_on);
    EXPECT_TRUE(moved) << moved.error().message;
  });
  threads.emplace_back([&] { EXPECT_TRUE(appender.append(append_of(10))); });
  threads.emplace_back([&] { EXPECT_TRUE(third.append(append_of(20))); });
  real_runtime().sleep_ns(50'000'000);
  turn.reset();
  for (std::thread& thread : threads) thread.join();
  const auto all = versions();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_NE(all.back()->schema.find("x"), nullptr);
  EXPECT_EQ(records(*all.back()), 4u);
}

}  // namespace
}  // namespace dreamdb
