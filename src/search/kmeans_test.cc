#include "search/kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>

#include "search/assign.h"
#include "search/training_test.h"

namespace dreamdb {
namespace {

constexpr size_t kDim = 37;

std::vector<size_t> sizes_of(const Training& trained, const std::vector<float>& rows) {
  std::vector<uint32_t> cells(rows.size() / kDim);
  Assigner(trained.centroids, kDim).assign(rows.data(), cells);
  std::vector<size_t> sizes(trained.cells);
  for (const uint32_t cell : cells) ++sizes[cell];
  return sizes;
}

TEST(Train, FindsClustersThatLieApart) {
  const auto rows = rows_about(normals(20, kDim, 1, 10), 2000, kDim, 0.1f);
  // With three cells a cluster each cluster gets one at least.
  const auto trained = train(rows, kDim, options_of(60));
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_EQ(trained->cells, 60u);
  EXPECT_EQ(trained->centroids.size(), 60 * kDim);
  EXPECT_EQ(trained->rows, 2000u);
  EXPECT_LT(trained->spread, kDim * 0.011);
  EXPECT_GT(trained->spread, kDim * 0.005);
}

TEST(Train, SpreadIsThatOfTheNearestCentroids) {
  const auto rows = normals(3000, kDim, 5);
  const auto trained = train(rows, kDim, options_of(40));
  ASSERT_TRUE(trained);
  std::vector<uint32_t> cells(3000);
  std::vector<float> squares(3000);
  Assigner(trained->centroids, kDim).assign(rows.data(), cells, squares);
  double sum = 0;
  for (const float square : squares) sum += square;
  EXPECT_NEAR(trained->spread, sum / 3000, 1e-6 * trained->spread);
}

TEST(Train, OneCellIsTheMean) {
  const auto rows = normals(500, kDim, 3);
  const auto trained = train(rows, kDim, options_of(1));
  ASSERT_TRUE(trained);
  for (size_t j = 0; j < kDim; ++j) {
    double sum = 0;
    for (size_t i = 0; i < 500; ++i) sum += rows[i * kDim + j];
    EXPECT_NEAR(trained->centroids[j], sum / 500, 1e-7);
  }
}

TEST(Train, EachRoundMakesTheSpreadSmallerAndTheLastOnesHardly) {
  const auto rows = rows_about(normals(30, kDim, 1, 2), 5000, kDim, 1);
  TrainOptions options = options_of(50);
  options.rounds_max = 100;
  std::vector<double> spreads;
  options.progress = [&](const TrainProgress& at) {
    EXPECT_EQ(at.rounds_max, 100u);
    EXPECT_EQ(at.rows_all, 5000u);
    if (at.round > spreads.size()) spreads.push_back(at.spread);
    return true;
  };
  const auto trained = train(rows, kDim, options);
  ASSERT_TRUE(trained);
  EXPECT_LT(trained->rounds, 60u);
  EXPECT_EQ(trained->rounds, spreads.size());
  for (size_t i = 1; i < spreads.size(); ++i) EXPECT_LT(spreads[i], spreads[i - 1]);
  EXPECT_LT(trained->spread, spreads.back());
  EXPECT_GT(trained->spread, spreads.back() * 0.999);
}

TEST(Train, OneSeedGivesOneResultWhateverRunsIt) {
  const auto rows = normals(6000, kDim, 4);
  TrainOptions options = options_of(70);
  const auto once = train(rows, kDim, options);
  // Pieces on threads, the last ones first.
  options.run = [](size_t count, const std::function<void(size_t)>& work) {
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        for (size_t i = count; i-- > 0;)
          if (i % 3 == t) work(i);
      });
    for (std::thread& thread : threads) thread.join();
  };
  const auto again = train(rows, kDim, options);
  ASSERT_TRUE(once && again);
  EXPECT_EQ(once->centroids, again->centroids);
  EXPECT_EQ(once->spread, again->spread);
  options.seed = 1;
  const auto other = train(rows, kDim, options);
  ASSERT_TRUE(other);
  EXPECT_NE(once->centroids, other->centroids);
}

// 3,900 of 4,000 rows in one heap: most of the cells that it got at first are needed elsewhere, and
// those that lose all rows come back.
TEST(Train, CellsWithoutRowsTakeHalfOfTheLargest) {
  auto rows = normals(4000, kDim, 8, 0.01f);
  const auto far = normals(100, kDim, 9, 100);
  std::ranges::copy(far, rows.begin());
  TrainOptions options = options_of(64);
  options.rounds_max = 40;
  options.gain_min = 0;
  const auto trained = train(rows, kDim, options);
  ASSERT_TRUE(trained);
  EXPECT_EQ(trained->cells, 64u);
  const auto sizes = sizes_of(*trained, rows);
  EXPECT_GT(std::ranges::min(sizes), 0u);
}

TEST(Train, EqualRowsBecomeOneCell) {
  const std::vector<float> row = normals(1, kDim, 6);
  std::vector<float> rows;
  for (size_t i = 0; i < 200; ++i) rows.insert(rows.end(), row.begin(), row.end());
  const auto trained = train(rows, kDim, options_of(5));
  ASSERT_TRUE(trained);
  EXPECT_EQ(trained->cells, 1u);
  EXPECT_EQ(trained->centroids, row);
  EXPECT_EQ(trained->spread, 0);
}

TEST(Train, FewDifferentRowsBecomeAsManyCells) {
  const auto few = normals(7, kDim, 6);
  const auto rows = rows_about(few, 700, kDim, 0);
  const auto trained = train(rows, kDim, options_of(50));
  ASSERT_TRUE(trained);
  EXPECT_EQ(trained->cells, 7u);
  EXPECT_NEAR(trained->spread, 0, 1e-9);
  EXPECT_EQ(sizes_of(*trained, rows), std::vector<size_t>(7, 100));
}

TEST(Train, ZeroVectorsAreLeftOutUnderCosineAlone) {
  auto rows = normals(300, kDim, 6);
  for (size_t i = 0; i < 300; i += 3)
    std::fill_n(rows.begin() + static_cast<ptrdiff_t>(i * kDim), kDim, 0.0f);
  const auto cosine = train(rows, kDim, options_of(4, Metric::kCosine));
  const auto l2 = train(rows, kDim, options_of(4, Metric::kL2));
  ASSERT_TRUE(cosine && l2);
  EXPECT_EQ(cosine->rows, 200u);
  EXPECT_EQ(l2->rows, 300u);
}

TEST(Train, NumbersNearTheLargestGiveFiniteCentroids) {
  auto rows = normals(100, kDim, 6);
  for (float& value : rows) value *= 5e37f;
  const auto trained = train(rows, kDim, options_of(3));
  ASSERT_TRUE(trained);
  for (const float value : trained->centroids) EXPECT_TRUE(std::isfinite(value));
  EXPECT_TRUE(std::isfinite(trained->spread));
}

void expect_error(const Result<Training>& result, Code code, const std::string& part) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code);
  EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
}

TEST(Train, SaysWhatIsWrong) {
  auto rows = normals(10, kDim, 6);
  expect_error(train(rows, kDim, options_of(11)), Code::kInvalidArgument,
               "11 cells needs at least as many rows, and there are 10: ask for fewer cells");
  expect_error(train({}, kDim, options_of(1)), Code::kInvalidArgument, "there are 0");
  expect_error(train(rows, kDim, options_of(0)), Code::kInvalidArgument, "not 0");
  expect_error(train(rows, kDim - 1, options_of(1)), Code::kInvalidArgument, "36 dimensions");
  expect_error(train(rows, 0, options_of(1)), Code::kInvalidArgument, "0 dimensions");
  std::fill_n(rows.begin() + 2 * kDim, kDim, 0.0f);
  expect_error(train(rows, kDim, options_of(10, Metric::kCosine)), Code::kInvalidArgument,
               "that have a direction, and there are 9");
  rows[3 * kDim + 1] = NAN;
  expect_error(train(rows, kDim, options_of(2)), Code::kInvalidArgument, "row 3 of the sample");
  rows[3 * kDim + 1] = INFINITY;
  expect_error(train(rows, kDim, options_of(2)), Code::kInvalidArgument, "row 3 of the sample");
  TrainOptions stopped = options_of(2);
  stopped.progress = [](const TrainProgress&) { return false; };
  expect_error(train(normals(100, kDim, 1), kDim, stopped), Code::kCancelled, "asked to");
}

TEST(DefaultCells, AreTheRootUntilCellsWouldBeTooLarge) {
  EXPECT_EQ(default_cells(0), 1u);
  EXPECT_EQ(default_cells(1), 1u);
  EXPECT_EQ(default_cells(1'000'000), 1000u);
  EXPECT_EQ(default_cells(1'000'001), 1001u);
  EXPECT_EQ(default_cells(uint64_t{4096} * 4096), 4096u);
  EXPECT_EQ(default_cells(1'000'000'000), 244'140u);
  EXPECT_EQ(default_cells(UINT64_MAX), kCellsMax);
}

}  // namespace
}  // namespace dreamdb
