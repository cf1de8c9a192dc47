// Codes that searches ask for again and again move together in memory: answers stay what they were,
// nothing is kept twice, and a bucket is asked for nothing more.
#include "index/whole_codes.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "dataset/far_bucket.h"
#include "dataset/index_test_data.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr uint64_t kWholeRows = 3000;
constexpr size_t kWholeCells = 40, kAsked = 20;

// Two segments of codes: of what is there when the index is made, and of an append.
Dataset indexed_in(const std::shared_ptr<Space>& space, uint32_t bits) {
  Dataset ds = *create_in(space, "main", vectors_schema("dreamdb.ivf-cosine"));
  EXPECT_TRUE(ds.append(rows_of(0, kWholeRows)));
  EXPECT_TRUE(ds.reindex("emb", of_cells(kWholeCells, bits)));
  EXPECT_TRUE(ds.append(rows_of(kWholeRows, kWholeRows / 2)));
  return ds;
}

std::vector<SegmentPtr> code_segments(const Dataset& ds) {
  Objects& objects = ds.impl().objects();
  const Root& codes = *ds.impl().manifest()->indexes[0].codes;
  const auto entries = list_entries(objects, TreeCursor(codes, 0, UINT64_MAX));
  return *objects.segments(*entries, SegmentUse::kCodes);
}

// Blocks of code segments that are kept by themselves, and segments that are kept whole.
std::pair<size_t, size_t> kept(const Dataset& ds) {
  Objects& objects = ds.impl().objects();
  size_t blocks = 0, whole = 0;
  for (const SegmentPtr& segment : code_segments(ds)) {
    const CodeParts& codes = *segment->segment.codes;
    for (const Run* run : {&codes.codes, codes.extra ? &*codes.extra : nullptr})
      for (size_t i = 0; run != nullptr && i < run->blocks(); ++i)
        blocks +=
            objects.caches().has_matrix({segment->segment.address, Part::kCodes, run->starts[i]});
    whole += objects.caches().has_matrix({segment->segment.address, Part::kWholeCodes, 0});
  }
  return {blocks, whole};
}

SearchOptions of_probes(size_t probes) {
  SearchOptions options;
  options.fields.emplace();
  options.probes = probes;
  options.recall = 0.99;
  return options;
}

void expect_same(const SearchAnswer& a, const SearchAnswer& b) {
  ASSERT_EQ(a.hits.size(), b.hits.size());
  for (size_t q = 0; q < a.hits.size(); ++q) {
    EXPECT_EQ(anchors_of(a.hits[q]), anchors_of(b.hits[q]));
    EXPECT_EQ(a.hits[q].scores, b.hits[q].scores);
  }
}

class WholeCodesOf : public ::testing::TestWithParam<uint32_t> {};

TEST_P(WholeCodesOf, AnswerAsBlocksDid) {
  const auto memory = std::make_shared<MemoryStore>("bucket");
  const auto space = Space::on(memory, "memory://bucket", OpenOptions().cache_bytes);
  indexed_in(space, GetParam());
  for (const size_t probes : {size_t{1}, size_t{7}, kWholeCells}) {
    const Dataset ds =
        *open_in(Space::on(memory, "memory://bucket", OpenOptions().cache_bytes), "main");
    const std::vector<float> queries = queries_of(kAsked);
    const auto one = [&](size_t q) {
      const auto own = std::span(queries).subspan(q % kAsked * kDim, kDim);
      auto answer = ds.search("emb", own, 1, of_probes(probes));
      EXPECT_TRUE(answer);
      return *std::move(answer);
    };
    std::vector<SearchAnswer> first;
    for (size_t q = 0; q < kAsked; ++q) first.push_back(one(q));
    for (size_t q = 0; q < 2000 && kept(ds).second < 2; ++q) expect_same(one(q), first[q % kAsked]);
    EXPECT_EQ(kept(ds), std::pair(size_t{0}, size_t{2})) << probes;
    const SearchAnswer batch = search(ds, kAsked, of_probes(probes));
    for (size_t q = 0; q < kAsked; ++q) {
      expect_same(one(q), first[q]);
      EXPECT_EQ(anchors_of(batch.hits[q]), anchors_of(first[q].hits[0]));
      EXPECT_EQ(batch.hits[q].scores, first[q].hits[0].scores);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Bits, WholeCodesOf, ::testing::Values(1, 2, 3, 8));

// They move while other threads look at the blocks.
TEST(WholeCodes, MoveUnderSearchesThatRun) {
  const auto memory = std::make_shared<MemoryStore>("bucket");
  indexed_in(Space::on(memory, "memory://bucket", OpenOptions().cache_bytes), 2);
  const std::vector<float> queries = queries_of(kAsked);
  for (int round = 0; round < 5; ++round) {
    const Dataset ds =
        *open_in(Space::on(memory, "memory://bucket", OpenOptions().cache_bytes), "main");
    const SearchAnswer expected = search(ds, kAsked, of_probes(7));
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (size_t i = 0; i < 100; ++i) {
          const size_t q = (i + t * 5) % kAsked;
          const auto own = std::span(queries).subspan(q * kDim, kDim);
          const auto answer = ds.search("emb", own, 1, of_probes(7));
          ASSERT_TRUE(answer) << answer.error().message;
          ASSERT_EQ(anchors_of(answer->hits[0]), anchors_of(expected.hits[q]));
        }
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(kept(ds).second, 2u);
  }
}

TEST(WholeCodes, OfABucketMoveOnlyWhenAllAreKept) {
  const Bucket bucket = [] {
    const Bucket made;
    indexed_in(Space::on(made.memory, "memory://bucket", OpenOptions().cache_bytes), 2);
    return made.with(kWavesOnly);
  }();
  const Dataset ds = bucket.open();
  for (int i = 0; i < 3; ++i) (void)search(ds, 1, of_probes(1));
  const StoreCounts warm = bucket.counted->snapshot();
  for (int i = 0; i < 100; ++i) (void)search(ds, 1, of_probes(1));
  EXPECT_EQ(bucket.counted->snapshot().since(warm).requests(), 0u);
  EXPECT_EQ(kept(ds).second, 0u);

  const SearchAnswer first = search(ds, kAsked, of_probes(kWholeCells));
  SearchOptions all = of_probes(kWholeCells);
  all.top_k = kWholeRows;  // levels of all rows
  (void)search(ds, 1, all);
  const StoreCounts read = bucket.counted->snapshot();
  for (int i = 0; i < 3; ++i) expect_same(search(ds, kAsked, of_probes(kWholeCells)), first);
  EXPECT_EQ(bucket.counted->snapshot().since(read).requests(), 0u);
  EXPECT_EQ(kept(ds), std::pair(size_t{0}, size_t{2}));
}

TEST(WholeCodes, StayBlocksWhereTheyHaveNoRoom) {
  const auto memory = std::make_shared<MemoryStore>("bucket");
  indexed_in(Space::on(memory, "memory://bucket", OpenOptions().cache_bytes), 3);
  constexpr uint64_t kSmall = 160'000;  // less than the codes take: 56 bytes a row
  const auto space = Space::on(memory, "memory://bucket", kSmall);
  const Dataset ds = *open_in(space, "main");
  const SearchAnswer first = search(ds, kAsked, of_probes(kWholeCells));
  for (int i = 0; i < 20; ++i) {
    expect_same(search(ds, kAsked, of_probes(kWholeCells)), first);
    EXPECT_LE(space->objects().caches().size_bytes(), kSmall / 16 * 17);
  }
  EXPECT_LE(kept(ds).second, 1u);
}

// A search that needs no damaged block is answered, however often it is asked.
TEST(WholeCodes, ADamagedBlockElsewhereChangesNothing) {
  const ScratchFolder folder;
  const std::string locator = "file://" + folder.path();
  Dataset made = *Dataset::create(locator + "#main", vectors_schema("dreamdb.ivf-cosine"));
  ASSERT_TRUE(made.append(rows_of(0, kWholeRows)));
  ASSERT_TRUE(made.reindex("emb", of_cells(kWholeCells)));
  const SearchAnswer expected = search(made, 1, of_probes(2));
  const Segment& segment = code_segments(made)[0]->segment;
  const auto& run = segment.codes->codes;
  ASSERT_GT(run.blocks(), 5u);

  for (size_t block = 0; block < run.blocks(); ++block) {
    const std::string path = folder.path() + "/" + segment_key(segment.address);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const auto flip = [&] {
      file.seekg(static_cast<std::streamoff>(run.starts[block] + 9));
      const int byte = file.get();
      file.seekp(static_cast<std::streamoff>(run.starts[block] + 9));
      file.put(static_cast<char>(byte ^ 1));
      file.flush();
    };
    flip();
    const Dataset ds = *Dataset::open(locator + "#main");
    for (int i = 0; i < 100; ++i) {
      const auto answer = ds.search("emb", queries_of(1), 1, of_probes(2));
      if (!answer) {
        EXPECT_EQ(answer.error().code, Code::kCorruption);
        EXPECT_EQ(i, 0) << "a block that was not needed at first";
        break;
      }
      EXPECT_EQ(anchors_of(answer->hits[0]), anchors_of(expected.hits[0]));
    }
    flip();
  }
}

}  // namespace
}  // namespace dreamdb
