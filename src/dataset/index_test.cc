// Spatial indexes of a dataset: what a search through one finds, under every metric, after appends,
// replacements, on branches and at old versions, with filters.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "dataset/dataset_impl.h"
#include "dataset/index_test_data.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

using namespace testing;

class IndexTest : public ::testing::TestWithParam<std::string> {
 public:
  static Dataset indexed_by_name(uint64_t rows, size_t cells) {
    IndexOptions options = of_cells(cells);
    options.algorithm = GetParam();
    return indexed(GetParam(), rows, options);
  }
};

TEST_P(IndexTest, FindsWhatAnExactSearchFinds) {
  const Dataset ds = indexed_by_name(6000, 40);
  SearchOptions options;
  options.distance = distance_of(GetParam());
  SearchReport report;
  // All cells: what is lost is lost by the bounds of codes alone.
  options.recall = 1;
  EXPECT_GE(recall_of(ds, 40, options, report), 0.995);
  EXPECT_EQ(report.algorithm, GetParam());
  EXPECT_EQ(report.covered, 1);
  EXPECT_EQ(report.scanned, 0u);
  options.recall = 0.9;
  EXPECT_GE(recall_of(ds, 40, options, report), 0.85);
  EXPECT_LT(report.probes, 40u);
  EXPECT_GE(report.recall, 0.9);
  EXPECT_GT(report.codes, 0u);
  EXPECT_LT(report.reranked, 40u * 600);
  // Another distance than the index has: every row is compared.
  options.distance = options.distance == Distance::kL2 ? Distance::kCosine : Distance::kL2;
  EXPECT_EQ(recall_of(ds, 3, options, report), 1);
  EXPECT_TRUE(report.algorithm.empty());
}

TEST_P(IndexTest, AppendsKeepItFresh) {
  Dataset ds = indexed_by_name(3000, 20);
  for (uint64_t first = 3000; first < 4000; first += 100)
    ASSERT_TRUE(ds.append(rows_of(first, 100)));
  const auto info = ds.indexes();
  ASSERT_TRUE(info);
  EXPECT_EQ((*info)[0].codes, 4000u);
  EXPECT_EQ((*info)[0].segments, 11u);  // one a commit
  EXPECT_EQ((*info)[0].uncovered, 0u);
  SearchOptions options;
  options.distance = distance_of(GetParam());
  options.recall = 1;
  SearchReport report;
  EXPECT_GE(recall_of(ds, 30, options, report), 0.98);
  EXPECT_EQ(report.scanned, 0u);
  options.probes = 4000;  // all cells
  EXPECT_EQ(recall_of(ds, 1, options, report), 1);
  EXPECT_EQ(report.codes, 4000u);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, IndexTest,
                         ::testing::Values("dreamdb.ivf-cosine", "dreamdb.ivf-ip", "dreamdb.ivf-l2",
                                           "dreamdb.imi-cosine", "dreamdb.lsh-cosine"),
                         [](const auto& p) { return p.param.substr(8, 3) + p.param.substr(12); });

TEST(Index, FewRowsNeedNoTraining) {
  const Dataset ds = indexed("dreamdb.ivf-cosine", 3000, {});
  const auto info = ds.indexes();
  ASSERT_TRUE(info);
  ASSERT_EQ(info->size(), 1u);
  EXPECT_EQ((*info)[0].cells, 1u);
  EXPECT_EQ((*info)[0].trained, 0u);
  EXPECT_EQ((*info)[0].codes, 3000u);
  SearchReport report;
  EXPECT_GE(recall_of(ds, 30, {}, report), 0.98);
  EXPECT_LT(report.reranked, 30u * 300);
}

TEST(Index, MoreCellsThanOneLevelTrains) {
  const Dataset ds = indexed("dreamdb.ivf-l2", 17'500, of_cells(17'000));
  const auto info = ds.indexes();
  ASSERT_TRUE(info);
  EXPECT_GT((*info)[0].cells, 16'384u);
  EXPECT_EQ((*info)[0].trained, 17'500u);
  EXPECT_EQ((*info)[0].codes, 17'500u);
  SearchOptions options;
  options.distance = Distance::kL2;
  options.recall = 0.9;
  SearchReport report;
  EXPECT_GE(recall_of(ds, 10, options, report), 0.8);
  EXPECT_LT(report.codes, 17'500u);
}

TEST(Index, ItIsOfTheDistanceThatTheFieldNames) {
  for (const auto& [named, built] : {std::pair("dreamdb.lsh-l2", "dreamdb.ivf-l2"),
                                     std::pair("dreamdb.ivf-ip", "dreamdb.ivf-ip"),
                                     std::pair("dreamdb.imi-cosine", "dreamdb.imi-cosine"),
                                     std::pair("dreamdb.lsh-cosine", "dreamdb.ivf-cosine")}) {
    const Dataset ds = indexed(named, 300, of_cells(4));
    EXPECT_EQ((*ds.indexes())[0].algorithm, built);
    SearchOptions options;
    options.distance = natural_distance(*ds.schema().find("emb"));
    EXPECT_EQ(search(ds, 1, options).report.algorithm, built);
  }
}

TEST(Index, MoreBitsLeaveFewerRowsToRead) {
  uint64_t before = UINT64_MAX;
  for (const uint32_t bits : {1u, 2u, 4u, 8u}) {
    const Dataset ds = indexed("dreamdb.ivf-l2", 4000, of_cells(10, bits), Dtype::kF32);
    SearchOptions options;
    options.distance = Distance::kL2;
    options.recall = 1;
    SearchReport report;
    EXPECT_GE(recall_of(ds, 20, options, report), 0.98) << bits;
    EXPECT_LT(report.reranked, before) << bits;
    before = report.reranked;
    // Through an index of cosine codes too, where levels stand for directions.
    const Dataset directions = indexed("dreamdb.ivf-cosine", 1000, of_cells(5, bits));
    EXPECT_GE(recall_of(directions, 10, {}, report), 0.9) << bits;
  }
}

TEST(Index, AHighRecallComparesMore) {
  const Dataset ds = indexed("dreamdb.ivf-cosine", 6000, of_cells(40));
  SearchOptions options;
  options.probes = 40;
  uint64_t before = 0;
  for (const double recall : {0.95, 0.98, 0.99, 1.0}) {
    options.recall = recall;
    SearchReport report;
    EXPECT_GE(recall_of(ds, 100, options, report), recall == 1 ? 1 : recall) << recall;
    EXPECT_GT(report.reranked, before) << recall;
    before = report.reranked;
  }
  EXPECT_LT(before, 100 * 6000u / 4);
}

TEST(Index, EachVersionFindsItsOwnRecords) {
  Dataset ds = indexed("dreamdb.ivf-cosine", 2000, of_cells(16));
  const std::string old = ds.manifest();
  auto branch = ds.branch("side");
  ASSERT_TRUE(branch);
  ASSERT_TRUE(branch->append(rows_of(1'000'000, 400)));  // those that the queries are of
  ASSERT_TRUE(ds.append(rows_of(5000, 50)));
  SearchOptions options;
  options.recall = 1;
  options.top_k = 1;
  for (const SearchHits& hits : search(*branch, 5, options).hits)
    EXPECT_GE(hits.rows.anchors()[0], 10'000'000u);
  for (const SearchHits& hits : search(ds, 5, options).hits)
    EXPECT_LT(hits.rows.anchors()[0], 10'000'000u);
  OpenOptions then;
  then.manifest = old;
  const auto before = Dataset::open(ds.locator(), then);
  ASSERT_TRUE(before);
  options.top_k = 3000;
  EXPECT_EQ(search(*before, 1, options).hits[0].rows.rows(), 2000u);
  EXPECT_EQ(search(ds, 1, options).hits[0].rows.rows(), 2050u);
  EXPECT_EQ(search(*branch, 1, options).hits[0].rows.rows(), 2400u);
}

// Codes of values that are not there any more take no row's place.
TEST(Index, ReplacedVectorsTakeNoPlaceAmongTheBest) {
  IndexOptions built;
  built.cells = 8;
  Dataset ds = indexed("dreamdb.ivf-cosine", 2000, built);
  NewRows rows = rows_of(0, 1000);
  rows.columns[0] = embedding_column("emb", kDim, vectors_of_others(1000));
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  ASSERT_TRUE(ds.append(rows, replace));
  SearchOptions options;
  options.probes = 8;
  for (const size_t top_k : {10, 300, 1999, 2000, 3000}) {
    options.top_k = top_k;
    SearchReport report;
    EXPECT_GE(recall_of(ds, 5, options, report), 0.98) << top_k;
    EXPECT_EQ(report.scanned, 0u);
  }
}

TEST(Index, AReplacedVectorIsFoundByItsNewValueAlone) {
  Dataset ds = indexed("dreamdb.ivf-cosine", 2000, of_cells(16));
  // The nearest of query 0 goes far away, and another takes its place.
  SearchOptions options;
  options.recall = 1;
  const uint64_t nearest = search(ds, 1, options).hits[0].rows.anchors()[0];
  const uint64_t other = nearest == 50 ? 60 : 50;
  std::vector<float> query = queries_of(1), away = query, both;
  for (float& value : away) value = -value;
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  both = nearest < other ? away : query;
  const auto& second = nearest < other ? query : away;
  both.insert(both.end(), second.begin(), second.end());
  ASSERT_TRUE(ds.append(rows_at({std::min(nearest, other), std::max(nearest, other)},
                                {embedding_column("emb", kDim, both)}),
                        replace));
  const auto hits = search(ds, 1, options).hits[0];
  EXPECT_EQ(hits.rows.anchors()[0], other);
  EXPECT_NEAR(hits.scores[0], 1, 1e-5);
  EXPECT_FALSE(std::ranges::count(anchors_of(hits), nearest));
  options.top_k = 2000;
  const auto all = anchors_of(search(ds, 1, options).hits[0]);
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 2000u);
  EXPECT_EQ(all.back(), nearest);
}

TEST(Index, FiltersLoseNothing) {
  const Dataset ds = indexed("dreamdb.ivf-cosine", 8000, of_cells(64));
  for (const char* where : {"n >= 0", "n < 4000", "n in (7, 70, 700, 7000)", "n < 1200", "n < 0",
                            "n between 7000 and 7003"}) {
    SearchOptions options;
    options.where = *Where::parse(where);
    SearchReport report;
    EXPECT_GE(recall_of(ds, 20, options, report), 0.95) << where;
    options.start = 5000;
    options.end = 60'000;
    EXPECT_GE(recall_of(ds, 20, options, report), 0.95) << where;
  }
}

// Sets of matches that are too large to be held are searched one after the other.
TEST(Index, MatchesAreHeldAFewAtATime) {
  const auto space =
      Space::on(std::make_shared<MemoryStore>("x"), "memory://x", OpenOptions().cache_bytes);
  auto ds = create_in(space, "main", vectors_schema("dreamdb.ivf-cosine"));
  ASSERT_TRUE(ds);
  ASSERT_TRUE(ds->append(rows_of(0, 4000)));
  SearchOptions options;
  options.where = *Where::parse("n >= 100 and n < 3500");
  options.recall = 1;
  const SearchAnswer whole = search(*ds, 5, options);
  for (const bool has_index : {false, true}) {
    if (has_index) {
      ASSERT_TRUE(ds->reindex("emb", of_cells(8)));
    }
    for (const size_t held : {1, 700, 1500}) {
      space->filters().set_matches_max(held == 1 ? 300 : held);
      options.start = held;  // another question each time
      const SearchAnswer parts = search(*ds, 5, options);
      size_t met = 0;
      for (size_t q = 0; q < 5; ++q) {
        const auto a = anchors_of(parts.hits[q]), b = anchors_of(whole.hits[q]);
        EXPECT_EQ(std::set(a.begin(), a.end()).size(), 10u);
        for (const uint64_t anchor : b) met += std::ranges::count(a, anchor) > 0 ? 1 : 0;
      }
      EXPECT_GE(met, has_index ? 48u : 50u) << held;
    }
  }
}

TEST(Index, NeverFewerThanThereAre) {
  const Dataset ds = indexed("dreamdb.ivf-cosine", 2000, of_cells(50));
  SearchOptions options;
  options.probes = 1;
  for (const size_t top_k : {0, 1, 500, 2000, 5000}) {
    options.top_k = top_k;
    for (const SearchHits& hits : search(ds, 3, options).hits)
      EXPECT_EQ(hits.rows.rows(), std::min<size_t>(top_k, 2000));
  }
}

TEST(Index, WithoutOneAllIsCompared) {
  Dataset ds = indexed("dreamdb.ivf-cosine", 1000, of_cells(8));
  ASSERT_TRUE(ds.drop_index("emb"));
  EXPECT_TRUE(ds.indexes()->empty());
  const SearchAnswer answer = search(ds, 1, {});
  EXPECT_TRUE(answer.report.algorithm.empty());
  EXPECT_EQ(answer.report.scanned, 1000u);
  const auto again = ds.drop_index("emb");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kNotFound);
  // Rows that came without it are searched too, and a new one knows them.
  ASSERT_TRUE(ds.append(rows_of(1000, 200)));
  ASSERT_TRUE(ds.reindex("emb", of_cells(8)));
  EXPECT_EQ((*ds.indexes())[0].codes, 1200u);
}

TEST(Index, TheReportSaysWhyItWasNotUsed) {
  auto ds = Dataset::create(fresh_locator(), vectors_schema("dreamdb.ivf-cosine"));
  ASSERT_TRUE(ds);
  const auto reason = [&](const auto& change) {
    SearchOptions options;
    change(options);
    return search(*ds, 1, options).report.reason;
  };
  const auto as_it_is = [](SearchOptions&) {};
  EXPECT_EQ(reason(as_it_is), "nothing_to_find");
  ASSERT_TRUE(ds->append(rows_of(0, 4000)));
  EXPECT_EQ(reason(as_it_is), "no_index");
  const auto few = [](SearchOptions& o) { o.where = *Where::parse("n < 500"); };
  EXPECT_EQ(reason(few), "no_index");
  ASSERT_TRUE(ds->reindex("emb", of_cells(8)));
  EXPECT_EQ(reason(as_it_is), "");
  EXPECT_EQ(reason([](SearchOptions& o) { o.exact = true; }), "exact");
  EXPECT_EQ(reason([](SearchOptions& o) { o.distance = Distance::kL2; }), "other_distance");
  EXPECT_EQ(reason(few), "few_matches");
  EXPECT_EQ(reason([](SearchOptions& o) { o.where = *Where::parse("n < 3000"); }), "");
  EXPECT_EQ(reason([](SearchOptions& o) { o.top_k = 0; }), "nothing_to_find");
  EXPECT_EQ(reason([](SearchOptions& o) { o.start = o.end = 5; }), "nothing_to_find");
  // What is appended while an index is built has no codes.
  ASSERT_TRUE(ds->drop_index("emb"));
  auto other = Dataset::open(ds->locator());
  ASSERT_TRUE(other);
  IndexOptions appended = of_cells(8);
  appended.progress = [&](const IndexProgress& p) {
    if (p.stage == "measure" && *other->count() == 4000) {
      EXPECT_TRUE(other->append(rows_of(4000, 10)));
    }
    return true;
  };
  ASSERT_TRUE(ds->reindex("emb", appended));
  EXPECT_EQ(reason(as_it_is), "uncovered_rows");
  EXPECT_EQ(search(*ds, 1, {}).report.scanned, 10u);
}

}  // namespace
}  // namespace dreamdb
