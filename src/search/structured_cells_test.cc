// Cells with a structure: what their names say of them, and input that cannot be.
#include "search/structured_cells.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "search/assign.h"

namespace dreamdb {
namespace {

std::vector<float> normals(size_t count, uint64_t seed, float size = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& value : out) value = size * normal(random);
  return out;
}

TrainOptions options_of(size_t cells, Metric metric = Metric::kL2) {
  TrainOptions options;
  options.cells = cells;
  options.metric = metric;
  options.seed = 3;
  return options;
}

std::vector<uint32_t> cells_of(const std::vector<float>& rows, const Training& trained) {
  std::vector<uint32_t> cells(rows.size() / trained.dim);
  Assigner(trained.centroids, trained.dim).assign(rows.data(), cells);
  return cells;
}

TEST(MultiIndex, ItsCellsAreAllPairsOfHalves) {
  // Three places in the first 4 dimensions, four in the last 5, far apart.
  constexpr size_t kDim = 9, kRows = 1200;
  const auto first = normals(3 * 4, 1, 10), second = normals(4 * 5, 2, 10);
  auto rows = normals(kRows * kDim, 3, 0.1f);
  for (size_t i = 0; i < kRows; ++i) {
    for (size_t j = 0; j < 4; ++j) rows[i * kDim + j] += first[i % 3 * 4 + j];
    for (size_t j = 0; j < 5; ++j) rows[i * kDim + 4 + j] += second[i / 3 % 4 * 5 + j];
  }
  const auto trained = train_multi_index(rows, kDim, options_of(15));
  ASSERT_TRUE(trained) << trained.error().message;
  ASSERT_EQ(trained->cells, 15u);  // 3 times 5
  EXPECT_EQ(trained->rows, kRows);
  EXPECT_LT(trained->spread, kDim * 0.011);
  for (size_t i = 0; i < 15; ++i)
    for (size_t j = 0; j < kDim; ++j) {
      const size_t like = j < 4 ? i / 5 * 5 : i % 5;  // of the same half
      EXPECT_EQ(trained->centroids[i * kDim + j], trained->centroids[like * kDim + j]);
    }
  const auto cells = cells_of(rows, *trained);
  for (size_t i = 12; i < kRows; ++i)
    EXPECT_EQ(cells[i] / 5, cells[i % 3] / 5) << "the first half decides the first number";
  EXPECT_GE(std::set<uint32_t>(cells.begin(), cells.end()).size(), 12u);
}

TEST(MultiIndex, CellsAreAtMostAsManyAsAskedFor) {
  const auto rows = normals(3000 * 8, 4);
  for (const size_t asked : {4u, 5u, 17u, 40u, 100u}) {
    const auto trained = train_multi_index(rows, 8, options_of(asked));
    ASSERT_TRUE(trained);
    const auto root = static_cast<size_t>(std::sqrt(asked));
    EXPECT_EQ(trained->cells, root * (asked / root));
    EXPECT_EQ(trained->centroids.size(), trained->cells * 8);
  }
}

TEST(Hyperplanes, ARowsCellSaysItsSides) {
  constexpr size_t kDim = 12, kRows = 2000;
  auto rows = normals(kRows * kDim, 5);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] += i % kDim == 2 ? 5.0f : 1.0f;
  const auto trained = draw_hyperplanes(rows, kDim, options_of(40, Metric::kCosine));
  ASSERT_TRUE(trained) << trained.error().message;
  ASSERT_EQ(trained->cells, 32u);
  EXPECT_GT(trained->spread, 0);
  std::vector<double> mean(kDim);
  for (size_t i = 0; i < rows.size(); ++i) mean[i % kDim] += rows[i] / double{kRows};
  const auto centroid = [&](size_t cell, size_t j) {
    return double{trained->centroids[cell * kDim + j]};
  };
  // Normals, as the centroids tell them.
  std::vector<std::vector<double>> planes;
  for (size_t p = 0; p < 5; ++p) {
    planes.emplace_back();
    for (size_t j = 0; j < kDim; ++j)
      planes[p].push_back(centroid(size_t{1} << p, j) - centroid(0, j));
  }
  const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
    return sum;
  };
  for (size_t p = 0; p < 5; ++p) {
    EXPECT_NEAR(dot(planes[p], mean), 0, 1e-4);
    for (size_t q = 0; q < p; ++q) EXPECT_NEAR(dot(planes[p], planes[q]), 0, 1e-5);
  }
  const auto cells = cells_of(rows, *trained);
  size_t equal = 0;
  for (size_t i = 0; i < kRows; ++i) {
    uint32_t sides = 0;
    for (size_t p = 0; p < 5; ++p) {
      double along = 0;
      for (size_t j = 0; j < kDim; ++j) along += (rows[i * kDim + j] - mean[j]) * planes[p][j];
      if (along > 0) sides |= 1u << p;
    }
    equal += sides == cells[i];
  }
  EXPECT_GE(equal, kRows - 5);  // but for what lies on a plane
}

TEST(Hyperplanes, TheSeedDecides) {
  const auto rows = normals(500 * 16, 6);
  TrainOptions options = options_of(64);
  const auto first = draw_hyperplanes(rows, 16, options),
             again = draw_hyperplanes(rows, 16, options);
  options.seed = 4;
  const auto other = draw_hyperplanes(rows, 16, options);
  ASSERT_TRUE(first && again && other);
  EXPECT_EQ(first->centroids, again->centroids);
  EXPECT_NE(first->centroids, other->centroids);
  // So many planes as there are directions beside the mean, one to spare.
  EXPECT_EQ(draw_hyperplanes(normals(100 * 4, 7), 4, options_of(50))->cells, 4u);
}

TEST(StructuredCells, BadInputIsTold) {
  const auto rows = normals(100 * 8, 8);
  const auto refused = [](const Result<Training>& trained) {
    return !trained && trained.error().code == Code::kInvalidArgument;
  };
  EXPECT_TRUE(refused(train_multi_index(rows, 8, options_of(3))));
  EXPECT_TRUE(refused(train_multi_index(rows, 1, options_of(4))));
  EXPECT_TRUE(refused(train_multi_index(std::span(rows).first(16), 8, options_of(4))));
  EXPECT_TRUE(refused(draw_hyperplanes(rows, 8, options_of(1))));
  EXPECT_TRUE(refused(draw_hyperplanes(rows, 2, options_of(4))));
  EXPECT_TRUE(refused(draw_hyperplanes({}, 8, options_of(4))));
  // All zero: under cosine no row has a direction.
  const std::vector<float> zeros(800);
  EXPECT_TRUE(refused(train_multi_index(zeros, 8, options_of(4, Metric::kCosine))));
  EXPECT_TRUE(refused(draw_hyperplanes(zeros, 8, options_of(4, Metric::kCosine))));
  // Rows that are all the same lie in one cell.
  const std::vector<float> ones(800, 1.0f);
  const auto same = draw_hyperplanes(ones, 8, options_of(8, Metric::kCosine));
  ASSERT_TRUE(same);
  EXPECT_NEAR(same->spread, 0, 1e-9);
  EXPECT_EQ(same->cells, 1u);
  // Whoever is told may end it.
  TrainOptions ended = options_of(16);
  ended.progress = [](const TrainProgress&) { return false; };
  EXPECT_EQ(train_multi_index(rows, 8, ended).error().code, Code::kCancelled);
  EXPECT_EQ(draw_hyperplanes(rows, 8, ended).error().code, Code::kCancelled);
  auto broken = rows;
  broken[20] = NAN;
  EXPECT_TRUE(refused(train_multi_index(broken, 8, options_of(4))));
  EXPECT_TRUE(refused(draw_hyperplanes(broken, 8, options_of(4))));
}

}  // namespace
}  // namespace dreamdb
