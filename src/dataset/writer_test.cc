// Writers: many of one ref, those that hold rows back, those that live long.
#include <gtest/gtest.h>

#include "dataset/dataset_impl.h"
#include "dataset/small_dataset.h"
#include "format/manifest.h"
#include "format/ref.h"
#include "format/session.h"
#include "runtime/quick_runtime.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

using namespace testing;

size_t sessions_in(Store& store) { return store.list("sessions/", "", 10)->objects.size(); }

TEST(Writer, AWriterAndAnAppendShareTheirKeys) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  WriterOptions options;
  options.append.idempotency_key = "job";
  auto writer = ds->writer(options);
  ASSERT_TRUE(writer->append(small_rows({1, 2})));
  ASSERT_TRUE(writer->commit());
  AppendOptions again;
  again.idempotency_key = "job";
  EXPECT_TRUE(ds->append(small_rows({1, 2}), again)->already_applied);
}

// Groups that are built in the background and one that goes up with the commit.
TEST(Writer, KeepsAllOfManyBuffers) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  WriterOptions options;
  options.buffer_bytes = 4000;
  auto writer = ds->writer(options);
  std::vector<uint64_t> all;
  for (const uint64_t rows : {500, 500, 500, 2}) {
    std::vector<uint64_t> anchors;
    while (anchors.size() < rows) anchors.push_back(all.size() + anchors.size());
    all.insert(all.end(), anchors.begin(), anchors.end());
    ASSERT_TRUE(writer->append(small_rows(anchors)));
  }
  ASSERT_TRUE(writer->commit());
  const auto taken = ds->take(all);
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->rows(), all.size());
}

// Puts a later version of `ref` whose manifest is of a format that this program does not know.
void move_to_the_future(Store& store, const std::string& ref) {
  const auto loaded = store.load(ref_key(ref));
  ASSERT_TRUE(loaded);
  auto tip = parse_ref(loaded->body.span(), ref);
  ASSERT_TRUE(tip);
  const ReadRequest read{manifest_key(tip->manifest), 0, UINT64_MAX};
  std::string body(store.read_many(std::span(&read, 1)).front()->view());
  const size_t at = body.find("av\x01");  // the text "v" and the number 1
  ASSERT_NE(at, std::string::npos);
  body[at + 2] = 9;
  tip->manifest = Address{blake3(std::as_bytes(std::span(body)))};
  const PutRequest put{manifest_key(tip->manifest), Buffer::copy_of(body)};
  ASSERT_TRUE(store.put_many(std::span(&put, 1)).front());
  ASSERT_TRUE(store.swap(ref_key(ref), loaded->version, write_ref(*tip)));
}

// Spec 8: the manifest says it for the whole version.
TEST(Writer, NothingIsWrittenOnAVersionOfTheFuture) {
  const auto store = std::make_shared<MemoryStore>("x");
  const auto space = Space::on(store, "memory://x", 64 << 20);
  auto ds = create_in(space, "main", small_schema());
  ASSERT_TRUE(ds);
  ASSERT_TRUE(ds->append(small_rows({1, 2})));
  auto writer = ds->writer({});
  ASSERT_TRUE(writer->append(small_rows({5})));
  ASSERT_NO_FATAL_FAILURE(move_to_the_future(*store, "main"));
  const std::string before(store->load(ref_key("main"))->body.view());
  const auto expect_refused = [&](const auto& result, Code code) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_NE(result.error().message.find("manifests/"), std::string::npos)
        << result.error().message;
    EXPECT_EQ(store->load(ref_key("main"))->body.view(), before);
  };
  // Handles that were opened before it find the moved ref when they swap, and cannot tell whether
  // their own commit is below it.
  expect_refused(ds->append(small_rows({3})), Code::kOutcomeUnknown);
  expect_refused(writer->commit(), Code::kOutcomeUnknown);
  expect_refused(ds->set_meta("k", "v"), Code::kOutcomeUnknown);
  expect_refused(ds->refresh(), Code::kUnsupported);
  expect_refused(open_in(space, "main"), Code::kUnsupported);
}

// The rows of a key are not compared, but other rows are seldom as many.
TEST(Writer, AKeyOfOtherRowsIsRefused) {
  auto ds = Dataset::create(fresh_locator(), small_schema());
  AppendOptions keyed;
  keyed.idempotency_key = "job";
  ASSERT_TRUE(ds->append(small_rows({1, 2}), keyed));
  const auto other = ds->append(small_rows({3}), keyed);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
  EXPECT_TRUE(other.error().message.contains("`job` was applied to 2 rows, and 1 come"))
      << other.error().message;
  WriterOptions options;
  options.append.idempotency_key = "job";
  auto writer = ds->writer(options);
  ASSERT_TRUE(writer->append(small_rows({3, 4, 5})));
  EXPECT_EQ(writer->commit().error().code, Code::kConflict);
  EXPECT_EQ(*ds->count(), 2u);
}

TEST(Writer, TwoHandlesOfOneRefLoseNothing) {
  const std::string at = fresh_locator();
  auto a = Dataset::create(at, small_schema());
  auto b = Dataset::open(at);
  ASSERT_TRUE(a->append(small_rows({1, 2})));
  auto second = b->append(small_rows({2, 5}));  // rebases; 2 is there already, the same
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->records, 1u);
  EXPECT_EQ(second->unchanged, 1u);
  EXPECT_EQ(*b->count(), 3u);
  EXPECT_TRUE(*a->refresh());
  EXPECT_EQ(*a->count(), 3u);
  NewRows other = small_rows({5});
  other.columns[4] = int_column("n", {6});
  ASSERT_TRUE(b->append(small_rows({6})));
  auto conflict = a->append(other);
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code, Code::kConflict);
}

TEST(Writer, ASkippedValueIsToldAlsoAfterMeetingOthers) {
  const std::string at = fresh_locator();
  auto a = Dataset::create(at, small_schema());
  ASSERT_TRUE(a->append(small_rows({1, 2})));
  auto b = Dataset::open(at);
  ASSERT_TRUE(a->append(small_rows({50})));
  NewRows other = small_rows({2, 9});
  other.columns[4] = int_column("n", {-7, 9});
  AppendOptions skip;
  skip.on_conflict = OnConflict::kSkip;
  auto skipped = b->append(other, skip);
  ASSERT_TRUE(skipped) << skipped.error().message;
  EXPECT_EQ(skipped->rows, 2u);
  EXPECT_EQ(skipped->records, 1u);
  EXPECT_EQ(skipped->skipped, 1u);
  EXPECT_EQ(skipped->unchanged, 0u);
  EXPECT_EQ(*b->count(*Where::parse("n == -7")), 0u);
  EXPECT_EQ(*b->count(), 4u);
}

// What lost a race goes up in the turn of the commit after it, so a group that has to be rebuilt
// may not be on the store yet.
TEST(Writer, AWriterThatMetOthersReadsItsRowsBack) {
  const std::string at = fresh_locator();
  auto a = Dataset::create(at, small_schema());
  auto b = Dataset::open(at);
  ASSERT_TRUE(b->append(small_rows({1})));
  ASSERT_TRUE(a->append(small_rows({2})));  // loses its first swap
  ASSERT_TRUE(b->append(small_rows({3, 4})));
  NewRows rows = small_rows({4, 5});
  rows.columns[4] = int_column("n", {-4, 5});
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  auto report = a->append(rows, replace);
  ASSERT_TRUE(report) << report.error().message;
  auto found = Dataset::open(at)->take(range(3, 3), {{"n"}});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(Dataset::open(at)->count().value(), 5u);
  const int64_t* const numbers = found->find("n")->as<int64_t>();
  EXPECT_EQ(std::vector<int64_t>(numbers, numbers + found->rows()),
            (std::vector<int64_t>{3, -4, 5}));
}

TEST(Writer, AssignsAnchorsThatAreFree) {
  const std::string at = fresh_locator();
  auto a = Dataset::create(at, small_schema());
  auto b = Dataset::open(at);
  for (int i = 0; i < 20; ++i) {
    NewRows rows = small_rows(range(0, 30));
    rows.anchors.reset();
    ASSERT_TRUE((i % 2 == 0 ? a : b)->append(rows));
  }
  EXPECT_EQ(*Dataset::open(at)->count(), 600u);
}

TEST(Writer, WriterCommitsByRows) {
  const std::string at = fresh_locator();
  auto ds = Dataset::create(at, small_schema());
  WriterOptions options;
  options.commit_rows = 100;
  auto writer = ds->writer(options);
  ASSERT_TRUE(writer);
  for (uint64_t i = 0; i < 50; ++i) ASSERT_TRUE(writer->append(small_rows(range(i * 10, 10))));
  ASSERT_TRUE(writer->append(small_rows(range(500, 7))));
  auto report = writer->commit();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->rows, 507u);
  auto again = Dataset::open(at);
  EXPECT_EQ(*again->count(), 507u);
  EXPECT_EQ(again->generation(), 6u);
}

TEST(Writer, AWriterThatLivesLongHasASession) {
  QuickRuntime runtime;
  const auto store = std::make_shared<MemoryStore>("x");
  const auto space = Space::on(store, "memory://x", 64 << 20, runtime);
  auto ds = create_in(space, "main", small_schema());
  ASSERT_TRUE(ds);
  {
    WriterOptions options;
    options.buffer_bytes = 1;  // all goes up at once, and waits for the commit
    auto writer = ds->writer(options);
    ASSERT_TRUE(writer->append(small_rows({1, 2})));
    EXPECT_EQ(sessions_in(*store), 0u);
    runtime.sleep_ns(31'000'000'000);
    for (int i = 0; i < 500 && sessions_in(*store) == 0; ++i) real_runtime().sleep_ns(10'000'000);
    EXPECT_EQ(sessions_in(*store), 1u);
    ASSERT_TRUE(writer->append(small_rows({3})));
    ASSERT_TRUE(writer->commit());
  }
  EXPECT_EQ(sessions_in(*store), 0u);
  EXPECT_EQ(*ds->count(), 3u);
}

TEST(Writer, AWriterThatWasFencedCommitsNothingAndMayGoOn) {
  QuickRuntime runtime;
  const auto store = std::make_shared<MemoryStore>("x");
  const auto space = Space::on(store, "memory://x", 64 << 20, runtime);
  auto ds = create_in(space, "main", small_schema());
  WriterOptions options;
  options.buffer_bytes = 1;
  auto writer = ds->writer(options);
  ASSERT_TRUE(writer->append(small_rows({1, 2})));
  runtime.sleep_ns(31'000'000'000);
  for (int i = 0; i < 500 && sessions_in(*store) == 0; ++i) real_runtime().sleep_ns(10'000'000);
  const std::string key = store->list("sessions/", "", 1)->objects.front().key;
  const auto loaded = store->load(key);
  SessionBody body = *parse_session(loaded->body.span(), key);
  body.fenced = true;
  ASSERT_TRUE(store->swap(key, loaded->version, write_session(body)));
  runtime.sleep_ns(3'600'000'000'000);
  const auto refused = writer->commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(*ds->count(), 0u);
  ASSERT_TRUE(writer->append(small_rows({1, 2})));
  const auto done = writer->commit();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(*ds->count(), 2u);
}

}  // namespace
}  // namespace dreamdb
