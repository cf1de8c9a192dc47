#include "search/two_level_kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <thread>

#include "search/assign.h"
#include "search/training_test.h"

namespace dreamdb {
namespace {

constexpr size_t kDim = 24;

// All rows are the sample, in pieces of 700; counts how often it is read.
struct Sample {
  std::vector<float> rows;
  size_t passes = 0;

  SamplePass pass() {
    return [this](const std::function<Status(std::span<const float>)>& use) -> Status {
      ++passes;
      const auto all = std::span<const float>(rows);
      for (size_t first = 0; first < all.size(); first += 700 * kDim)
        DREAMDB_TRY(use(all.subspan(first, std::min(700 * kDim, all.size() - first))));
      return {};
    };
  }

  Result<Training> train(const TrainOptions& options, uint64_t rows_held_max = 1'000'000) {
    const size_t coarse = std::min(rows.size() / kDim, coarse_cells(options.cells) * 20);
    return train_in_two_levels(std::span(rows).first(coarse * kDim), pass(), kDim, rows_held_max,
                               options);
  }
};

double spread_over(const Training& trained, const std::vector<float>& rows) {
  std::vector<uint32_t> cells(rows.size() / kDim);
  std::vector<float> squares(cells.size());
  Assigner(trained.centroids, kDim).assign(rows.data(), cells, squares);
  double sum = 0;
  for (const float square : squares) sum += square;
  return sum / static_cast<double>(cells.size());
}

std::set<std::vector<float>> distinct(const Training& trained) {
  std::set<std::vector<float>> out;
  for (auto at = trained.centroids.begin(); at != trained.centroids.end(); at += kDim)
    out.emplace(at, at + kDim);
  return out;
}

TEST(TrainInTwoLevels, IsNearlyAsGoodAsOneLevel) {
  Sample sample{rows_about(normals(200, kDim, 1, 3), 20'000, kDim, 1)};
  const auto one = train(sample.rows, kDim, options_of(400));
  const auto two = sample.train(options_of(400));
  ASSERT_TRUE(one && two) << two.error().message;
  EXPECT_EQ(two->cells, 400u);
  EXPECT_EQ(two->rows, 20'000u);
  EXPECT_EQ(two->centroids.size(), 400 * kDim);
  EXPECT_EQ(distinct(*two).size(), 400u);
  EXPECT_LT(spread_over(*two, sample.rows), 1.05 * one->spread);
  EXPECT_GE(two->spread, spread_over(*two, sample.rows));
  EXPECT_LT(two->spread, 1.05 * spread_over(*two, sample.rows));
}

TEST(TrainInTwoLevels, HoldsAFewCoarseCellsAtATime) {
  Sample sample{normals(6000, kDim, 3)};
  const auto whole = sample.train(options_of(100));
  EXPECT_EQ(sample.passes, 1u + 1 + 3);
  sample.passes = 0;
  const auto parts = sample.train(options_of(100), 2000);
  EXPECT_GE(sample.passes, 1u + 3 + 3);
  EXPECT_LE(sample.passes, 1u + 6 + 3);
  ASSERT_TRUE(whole && parts);
  EXPECT_EQ(whole->centroids, parts->centroids);
  EXPECT_EQ(whole->spread, parts->spread);
  // Fewer than a coarse cell has: an even part of them is trained on.
  const auto little = sample.train(options_of(100), 50);
  ASSERT_TRUE(little);
  EXPECT_EQ(little->cells, 100u);
  EXPECT_LT(spread_over(*little, sample.rows), 1.3 * spread_over(*whole, sample.rows));
}

TEST(TrainInTwoLevels, OneSeedGivesOneResultWhateverRunsIt) {
  Sample sample{normals(6000, kDim, 4)};
  TrainOptions options = options_of(90);
  const auto once = sample.train(options);
  options.run = [](size_t count, const std::function<void(size_t)>& work) {
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        for (size_t i = count; i-- > 0;)
          if (i % 3 == t) work(i);
      });
    for (std::thread& thread : threads) thread.join();
  };
  const auto again = sample.train(options);
  ASSERT_TRUE(once && again);
  EXPECT_EQ(once->centroids, again->centroids);
  EXPECT_EQ(once->spread, again->spread);
  options.seed = 1;
  const auto other = sample.train(options);
  ASSERT_TRUE(other);
  EXPECT_NE(once->centroids, other->centroids);
}

TEST(TrainInTwoLevels, AsManyCellsAsRows) {
  Sample sample{normals(300, kDim, 5)};
  const auto trained = sample.train(options_of(300));
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_GT(trained->cells, 280u);
  EXPECT_EQ(distinct(*trained).size(), trained->cells);
  for (const float value : trained->centroids) EXPECT_TRUE(std::isfinite(value));
}

TEST(TrainInTwoLevels, FewDifferentRowsBecomeAsManyCells) {
  const auto few = normals(7, kDim, 6);
  Sample sample{rows_about(few, 700, kDim, 0)};
  const auto trained = sample.train(options_of(50));
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_EQ(trained->cells, 7u);
  EXPECT_EQ(distinct(*trained).size(), 7u);
  EXPECT_NEAR(trained->spread, 0, 1e-9);
}

TEST(TrainInTwoLevels, ZeroVectorsAreLeftOutUnderCosineAlone) {
  Sample sample{normals(600, kDim, 6)};
  for (size_t i = 0; i < 600; i += 3)
    std::fill_n(sample.rows.begin() + static_cast<ptrdiff_t>(i * kDim), kDim, 0.0f);
  const auto cosine = sample.train(options_of(16, Metric::kCosine));
  const auto l2 = sample.train(options_of(16, Metric::kL2));
  ASSERT_TRUE(cosine && l2);
  EXPECT_EQ(cosine->rows, 400u);
  EXPECT_EQ(l2->rows, 600u);
}

TEST(TrainInTwoLevels, NumbersNearTheLargestGiveFiniteCentroids) {
  Sample sample{normals(400, kDim, 6, 5e37f)};
  const auto trained = sample.train(options_of(9));
  ASSERT_TRUE(trained);
  for (const float value : trained->centroids) EXPECT_TRUE(std::isfinite(value));
  EXPECT_TRUE(std::isfinite(trained->spread));
}

TEST(TrainInTwoLevels, ProgressGoesOnToTheEnd) {
  Sample sample{normals(5000, kDim, 7)};
  TrainOptions options = options_of(80);
  double last = 0;
  options.progress = [&](const TrainProgress& p) {
    EXPECT_LE(p.rows, p.rows_all);
    const double all = static_cast<double>(p.rounds_max * p.rows_all);
    const double part = static_cast<double>(p.round * p.rows_all + p.rows) / all;
    EXPECT_GE(part, last);
    last = part;
    return true;
  };
  ASSERT_TRUE(sample.train(options, 1000));
  EXPECT_EQ(last, 1);
}

void expect_error(const Result<Training>& result, Code code, const std::string& part) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code);
  EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
}

TEST(TrainInTwoLevels, SaysWhatIsWrong) {
  Sample sample{normals(100, kDim, 6)};
  expect_error(sample.train(options_of(101)), Code::kInvalidArgument,
               "101 cells needs at least as many rows");
  for (const size_t level : {0, 1}) {
    TrainOptions stopped = options_of(20);
    stopped.progress = [&](const TrainProgress& p) { return p.round < level; };
    expect_error(sample.train(stopped), Code::kCancelled, "asked to");
  }
  const SamplePass fails = [](const auto&) -> Status { return fail(Code::kDenied, "no sample"); };
  expect_error(train_in_two_levels(sample.rows, fails, kDim, 1000, options_of(20)), Code::kDenied,
               "no sample");
  sample.rows.back() = NAN;
  const auto coarse = std::span<const float>(sample.rows).first(50 * kDim);
  expect_error(train_in_two_levels(coarse, sample.pass(), kDim, 1000, options_of(20)),
               Code::kInvalidArgument, "holds NaN");
}

}  // namespace
}  // namespace dreamdb
