// Indexes that several workers build: what their shares have together, in whatever order they come,
// stop, die and are given twice, with appends between them.
#include "dataset/index_shard.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataset/small_dataset.h"
#include "format/shard.h"
#include "runtime/quick_runtime.h"
#include "store/fault_store.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr size_t kDim = 40;
constexpr uint64_t kRows = 3000, kSegmentRows = 125;
constexpr size_t kCells = 12;

std::vector<float> vectors_of(uint64_t first, uint64_t count, uint64_t salt = 0) {
  std::vector<float> out;
  for (uint64_t i = first; i < first + count; ++i) {
    std::mt19937_64 about(i % 17), own(i + 1000 + salt);
    std::normal_distribution<float> centre, off(0, 0.6f);  // each keeps a number it has drawn
    for (size_t j = 0; j < kDim; ++j) out.push_back(centre(about) + off(own));
  }
  return out;
}

NewRows rows_of(uint64_t first, uint64_t count, uint64_t salt = 0) {
  return rows_at(range(first * 10, count, 10),
                 {embedding_column("emb", kDim, vectors_of(first, count, salt))});
}

struct SharedStore {
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("x");

  std::shared_ptr<Space> space() const {
    return Space::on(memory, "memory://x", OpenOptions().cache_bytes);
  }
  Dataset open() const { return *open_in(space(), "main"); }
};

// Vectors in segments of kSegmentRows.
SharedStore filled() {
  SharedStore store;
  Schema schema;
  EXPECT_TRUE(schema.add(embedding_field("emb", kDim)));
  auto ds = create_in(store.space(), "main", schema);
  EXPECT_TRUE(ds);
  for (uint64_t first = 0; first < kRows; first += kSegmentRows)
    EXPECT_TRUE(ds->append(rows_of(first, kSegmentRows)));
  return store;
}

IndexOptions training(uint32_t bits = 1) {
  IndexOptions options;
  options.cells = kCells;
  options.bits = bits;
  options.seed = 7;
  return options;
}

IndexOptions of_shard(uint64_t index, uint64_t of, uint64_t commit_rows = 1'000'000) {
  IndexOptions options;
  options.shard = Shard{index, of};
  options.commit_rows = commit_rows;
  return options;
}

SharedStore trained(uint32_t bits = 1) {
  SharedStore store = filled();
  IndexOptions options = training(bits);
  options.train_only = true;
  const auto info = store.open().reindex("emb", options);
  EXPECT_TRUE(info) << info.error().message;
  return store;
}

IndexInfo encode(const SharedStore& store, const IndexOptions& options) {
  const auto info = store.open().reindex("emb", options);
  EXPECT_TRUE(info) << info.error().message;
  return info ? *info : IndexInfo();
}

IndexInfo info_of(const SharedStore& store) { return (*store.open().indexes()).at(0); }

Code code_of(const Result<IndexInfo>& result) {
  EXPECT_FALSE(result);
  return result ? Code::kInternal : result.error().code;
}

ManifestPtr manifest_of(const SharedStore& store) {
  const auto space = store.space();
  return load_tip(space->objects(), "main")->manifest;
}

// All codes by their anchors: cell, bits and factors.
using CodeMap = std::multimap<uint64_t, std::vector<double>>;
CodeMap codes_of(const SharedStore& store) {
  const auto space = store.space();
  Objects& objects = space->objects();
  CodeMap out;
  const Root root = *manifest_of(store)->indexes[0].codes;
  const auto entries = list_entries(objects, TreeCursor(root, 0, UINT64_MAX));
  const auto segments = objects.segments(*entries, SegmentUse::kCodes);
  for (const SegmentPtr& loaded : *segments) {
    const Segment& segment = loaded->segment;
    size_t row = 0, cell = 0;
    for (size_t block = 0; block < segment.codes->codes.blocks(); ++block) {
      const Extent extent{loaded, &segment.codes->codes, block, 1};
      const auto stored = objects.extents({&extent, 1});
      const auto raw = decode_codes(segment, block, (*stored)[0]);
      const CodeBlock view = view_codes(segment, block, *raw);
      const size_t words = view.bits.size() / view.anchors.size();
      for (size_t i = 0; i < view.anchors.size(); ++i, ++row) {
        while (segment.codes->ends[cell] <= row) ++cell;
        std::vector<double> code = {static_cast<double>(segment.codes->cells[cell]), view.add[i],
                                    view.scale[i], view.error[i]};
        for (size_t w = 0; w < words; ++w)
          code.push_back(static_cast<double>(view.bits[i * words + w]));
        out.emplace(view.anchors[i], std::move(code));
      }
    }
  }
  return out;
}

// That searches of all cells find what comparing all rows does, and how much was compared so.
void expect_right_answers(const SharedStore& store, uint64_t scanned) {
  const Dataset ds = store.open();
  SearchOptions options;
  options.recall = 1;
  const auto queries = vectors_of(1'000'000, 10);
  const auto found = ds.search("emb", queries, 10, options);
  options.exact = true;
  const auto truth = ds.search("emb", queries, 10, options);
  ASSERT_TRUE(found && truth);
  EXPECT_EQ(found->report.scanned, scanned);
  size_t met = 0;
  for (size_t q = 0; q < 10; ++q) {
    const Batch &a = found->hits[q].rows, &b = truth->hits[q].rows;
    ASSERT_EQ(a.rows(), b.rows());
    for (size_t i = 0; i < b.rows(); ++i)
      met += static_cast<size_t>(std::count(a.anchors(), a.anchors() + a.rows(), b.anchors()[i]));
  }
  EXPECT_GE(met, 99u);
}

class IndexShards : public ::testing::TestWithParam<uint32_t> {};

TEST_P(IndexShards, HaveTheCodesOfOneBuild) {
  const SharedStore whole = filled();
  const IndexInfo one = encode(whole, training(GetParam()));
  const SharedStore shared = trained(GetParam());
  EXPECT_EQ(info_of(shared).uncovered, kRows);
  EXPECT_EQ(info_of(shared).recall, one.recall);
  EXPECT_FALSE(one.recall.empty());
  expect_right_answers(shared, kRows);
  uint64_t left = kRows;
  for (const uint64_t shard : {2, 0, 1}) {
    const IndexInfo info = encode(shared, of_shard(shard, 3));
    EXPECT_LT(info.uncovered, left);
    EXPECT_EQ(info.codes, kRows - info.uncovered);
    left = info.uncovered;
    expect_right_answers(shared, left);
  }
  EXPECT_EQ(left, 0u);
  EXPECT_EQ(info_of(shared).segments, 3u);
  EXPECT_EQ(codes_of(shared), codes_of(whole));
  EXPECT_EQ(codes_of(shared).size(), kRows);
  // Both trees are one again: appends need not look at what is covered.
  const ManifestPtr manifest = manifest_of(shared);
  EXPECT_EQ(*manifest->indexes[0].covered, *manifest->find_track(manifest->indexes[0].field));
  ASSERT_TRUE(shared.open().append(rows_of(kRows, 10)));
  EXPECT_EQ(info_of(shared).uncovered, 0u);
}

INSTANTIATE_TEST_SUITE_P(Bits, IndexShards, ::testing::Values(1u, 4u));

TEST(IndexShard, ComesInPiecesAndGoesOnWhereItStopped) {
  const SharedStore store = trained();
  const uint64_t depth = manifest_of(store)->depth;
  IndexOptions options = of_shard(0, 1, 2 * kSegmentRows);
  uint64_t last = 0;
  options.progress = [&](const IndexProgress& p) {
    EXPECT_LE(p.done, p.of);
    if (p.stage == "encode") last = p.done;
    return last < kRows / 2;
  };
  EXPECT_EQ(code_of(store.open().reindex("emb", options)), Code::kCancelled);
  EXPECT_EQ(info_of(store).codes, kRows / 2);
  EXPECT_EQ(manifest_of(store)->depth, depth + kRows / 2 / (2 * kSegmentRows));
  uint64_t rows = 0;
  options.progress = [&](const IndexProgress& p) {
    rows = p.of > rows && p.stage == "encode" ? p.of : rows;
    return true;
  };
  EXPECT_EQ(encode(store, options).uncovered, 0u);
  EXPECT_EQ(rows, kRows / 2);  // the first half is not encoded again
  EXPECT_EQ(codes_of(store).size(), kRows);
  // Nothing is left: no version is made.
  const uint64_t end = manifest_of(store)->depth;
  EXPECT_EQ(encode(store, options).uncovered, 0u);
  EXPECT_EQ(manifest_of(store)->depth, end);
}

TEST(IndexShard, MayDieAtAnyOperation) {
  const CodeMap truth = [] {
    const SharedStore store = trained();
    encode(store, of_shard(0, 1));
    return codes_of(store);
  }();
  bool is_over = false;
  uint64_t operation = 0;
  for (; !is_over; operation += 5) {
    const SharedStore store = trained();
    FaultPlan plan;
    plan.rules = {{.kind = FaultKind::kCrashBefore, .at = operation}};
    {
      QuickRuntime runtime;
      const auto faulty = std::make_shared<FaultStore>(store.memory, plan, runtime);
      auto ds =
          open_in(Space::on(faulty, "memory://x", OpenOptions().cache_bytes, runtime), "main");
      is_over = ds && ds->reindex("emb", of_shard(0, 1, 4 * kSegmentRows));
    }
    EXPECT_EQ(encode(store, of_shard(0, 1, 4 * kSegmentRows)).uncovered, 0u) << operation;
    EXPECT_EQ(codes_of(store), truth) << operation;
  }
  EXPECT_GT(operation, 60u);
}

TEST(IndexShard, OthersMayAppendMeanwhile) {
  const SharedStore store = trained();
  encode(store, of_shard(1, 2));
  ASSERT_TRUE(store.open().append(rows_of(kRows, 100)));  // has its codes
  EXPECT_LT(info_of(store).uncovered, kRows);
  IndexOptions options = of_shard(0, 2, 4 * kSegmentRows);
  uint64_t next = kRows + 100;
  options.progress = [&](const IndexProgress& p) {
    if (p.stage != "write") return true;
    EXPECT_TRUE(store.open().append(rows_of(next, 30)));
    next += 30;
    return true;
  };
  const IndexInfo info = encode(store, options);
  EXPECT_GT(next, kRows + 100 + 30);
  EXPECT_EQ(info.codes, next);
  EXPECT_EQ(info.uncovered, 0u);
  expect_right_answers(store, 0);
}

TEST(IndexShard, TwoWorkersMayHaveTheSame) {
  const SharedStore store = trained();
  IndexOptions options = of_shard(0, 1, 8 * kSegmentRows);
  bool is_first = true;
  options.progress = [&](const IndexProgress& p) {
    if (p.stage == "write" && std::exchange(is_first, false))
      encode(store, of_shard(0, 1, 8 * kSegmentRows));
    return true;
  };
  const uint64_t depth = manifest_of(store)->depth;
  EXPECT_EQ(encode(store, options).uncovered, 0u);
  EXPECT_EQ(manifest_of(store)->depth, depth + kRows / (8 * kSegmentRows));
  EXPECT_EQ(codes_of(store).size(), kRows);  // each row once
}

TEST(IndexShard, AReplacedRowHasTheCodeOfItsNewestValue) {
  const SharedStore whole = filled(), shared = filled();
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  for (const SharedStore* store : {&whole, &shared}) {
    EXPECT_EQ(store->open().append(rows_of(700, 300, 99), replace)->replaced, 300u);
    EXPECT_EQ(store->open().append(rows_of(800, 20, 77), replace)->replaced, 20u);
  }
  encode(whole, training());
  IndexOptions options = training();
  options.train_only = true;
  encode(shared, options);
  EXPECT_EQ(encode(shared, of_shard(0, 1)).codes, kRows);
  EXPECT_EQ(codes_of(shared), codes_of(whole));
  // In another piece than the value it replaces, a row has a code of each.
  encode(shared, options);
  const IndexInfo split = encode(shared, of_shard(0, 1, 1));
  EXPECT_EQ(split.codes, kRows + 320);
  EXPECT_EQ(split.segments, kRows / kSegmentRows + 2);
  expect_right_answers(shared, 0);
}

TEST(IndexShard, EndsWhereTheIndexIsAnotherOne) {
  for (const bool is_dropped : {false, true}) {
    const SharedStore store = trained();
    IndexOptions options = of_shard(0, 1);
    options.progress = [&](const IndexProgress& p) {
      if (p.stage != "write") return true;
      IndexOptions again = training();
      again.train_only = true;
      if (is_dropped) {
        EXPECT_TRUE(store.open().drop_index("emb"));
      } else {
        EXPECT_TRUE(store.open().reindex("emb", again));
      }
      return true;
    };
    EXPECT_EQ(code_of(store.open().reindex("emb", options)), Code::kConflict);
  }
}

TEST(IndexShard, BadInputIsTold) {
  const SharedStore store = filled();
  EXPECT_EQ(code_of(store.open().reindex("emb", of_shard(0, 1))), Code::kNotFound);
  IndexOptions train = training();
  train.train_only = true;
  encode(store, train);
  const auto refuses = [&](const IndexOptions& options, const std::string& text) {
    const auto result = store.open().reindex("emb", options);
    EXPECT_EQ(code_of(result), Code::kInvalidArgument);
    EXPECT_NE(result.error().message.find(text), std::string::npos) << result.error().message;
  };
  refuses(of_shard(3, 3), "0 to 2");
  refuses(of_shard(0, 0), "one shard at least");
  refuses(of_shard(0, 1, 0), "commit_rows is 0");
  for (int i = 0; i < 5; ++i) {
    IndexOptions options = of_shard(0, 1);
    if (i == 0) options.train_only = true;
    if (i == 1) options.algorithm = "dreamdb.ivf-l2";
    if (i == 2) options.cells = kCells;
    if (i == 3) options.bits = 1;
    if (i == 4) options.seed = 7;
    refuses(options, "under the index that was trained");
  }
}

}  // namespace
}  // namespace dreamdb
