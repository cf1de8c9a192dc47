#include "search/assign.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "simd/simd.h"

namespace dreamdb {
namespace {

std::vector<float> normals(size_t count, uint64_t seed, float size = 1, float mean = 0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(mean, size);
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

double square_distance(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j) sum += std::pow(static_cast<double>(a[j]) - b[j], 2);
  return sum;
}

struct Truth {
  uint32_t cell = 0;
  double square = INFINITY;
};

Truth nearest_of(const float* row, std::span<const float> centroids, size_t dim) {
  Truth best;
  for (size_t c = 0; c < centroids.size() / dim; ++c) {
    const double square = square_distance(row, centroids.data() + c * dim, dim);
    if (square < best.square) best = {static_cast<uint32_t>(c), square};
  }
  return best;
}

// Rows assigned to another cell than the nearest; each of these is nearly as near. Where products
// are rounded there may be a few, among three that are nearly as near.
size_t other_cells(std::span<const float> rows, std::span<const float> centroids, size_t dim) {
  const Assigner assigner(centroids, dim);
  const size_t count = rows.size() / dim;
  std::vector<uint32_t> cells(count, 77), again(count);
  std::vector<float> squares(count);
  assigner.assign(rows.data(), cells, squares);
  assigner.assign(rows.data(), again);
  EXPECT_EQ(cells, again);
  size_t other = 0;
  for (size_t i = 0; i < count; ++i) {
    const float* const row = rows.data() + i * dim;
    const Truth truth = nearest_of(row, centroids, dim);
    other += cells[i] != truth.cell;
    const double found = square_distance(row, centroids.data() + cells[i] * dim, dim);
    const double error = simd::nearest().rounding == 0 ? 1e-5 : 1e-3;
    EXPECT_LE(found, truth.square * (1 + error) + 1e-9) << "row " << i << " of " << dim;
    EXPECT_NEAR(squares[i], found, found * 1e-5);
  }
  return other;
}

TEST(Assigner, FindsTheNearestOfAnyNumberOfCentroids) {
  for (const size_t k : {1ul, 2ul, 7ul, 31ul, 32ul, 33ul, 512ul, 1300ul}) {
    const auto centroids = normals(k * 64, k);
    for (const size_t rows : {1ul, 33ul, 70ul})
      EXPECT_LE(other_cells(normals(rows * 64, 3), centroids, 64), rows / 100) << k;
  }
}

TEST(Assigner, FindsTheNearestInAnyDimension) {
  size_t other = 0;
  for (size_t dim = 1; dim < 70; ++dim)
    other += other_cells(normals(50 * dim, 5), normals(70 * dim, dim), dim);
  for (const size_t dim : {128ul, 500ul, 768ul, 1536ul})
    other += other_cells(normals(100 * dim, 5), normals(100 * dim, dim), dim);
  EXPECT_LE(other, simd::nearest().rounding == 0 ? 0u : 5u);  // of 3,850 rows
}

// Embeddings lie in a cone, far from the origin: what they have in common must not cost precision.
TEST(Assigner, RowsFarFromTheOriginFindTheNearestToo) {
  constexpr size_t kDim = 96;
  EXPECT_LE(other_cells(normals(700 * kDim, 1, 1, 100), normals(300 * kDim, 2, 1, 100), kDim), 2u);
}

TEST(Assigner, TheFirstOfEqualCentroidsIsTaken) {
  constexpr size_t kDim = 37, kCells = 600, kRows = 50;
  const auto row = normals(kDim, 9);
  std::vector<float> rows;
  for (size_t i = 0; i < kRows; ++i) rows.insert(rows.end(), row.begin(), row.end());
  for (const size_t first : {0ul, 3ul, 40ul, 599ul}) {
    auto centroids = normals(kCells * kDim, 10);
    for (size_t i = first; i < kCells; ++i)
      std::ranges::copy(row, centroids.begin() + static_cast<ptrdiff_t>(i * kDim));
    std::vector<uint32_t> cells(kRows, 9);
    Assigner(centroids, kDim).assign(rows.data(), cells);
    EXPECT_EQ(cells, std::vector<uint32_t>(kRows, static_cast<uint32_t>(first)));
  }
}

TEST(Assigner, NumbersTooLargeForF32GoToTheFirstCell) {
  const std::vector<float> centroids = {1, 2, 3, 4, 5, 6};
  const Assigner assigner(centroids, 2);
  const std::vector<float> rows = {3e38f, -3e38f, 3.1f, 4.1f};
  std::vector<uint32_t> cells(2, 9);
  assigner.assign(rows.data(), cells);
  EXPECT_LT(cells[0], 3u);
  EXPECT_EQ(cells[1], 1u);
}

TEST(Assigner, NearestAreInOrderOfDistance) {
  constexpr size_t kDim = 20, kCells = 300;
  const auto centroids = normals(kCells * kDim, 4);
  const Assigner assigner(centroids, kDim);
  const auto row = normals(kDim, 6);
  const auto found = assigner.nearest(row, 12);
  ASSERT_EQ(found.size(), 12u);
  uint32_t cell = 0;
  assigner.assign(row.data(), {&cell, 1});
  EXPECT_EQ(found[0], cell);
  std::vector<double> squares;
  for (size_t c = 0; c < kCells; ++c)
    squares.push_back(square_distance(row.data(), centroids.data() + c * kDim, kDim));
  for (size_t i = 1; i < found.size(); ++i)
    EXPECT_LE(squares[found[i - 1]], squares[found[i]] * (1 + 1e-5));
  std::ranges::sort(squares);
  EXPECT_NEAR(square_distance(row.data(), centroids.data() + found[11] * kDim, kDim), squares[11],
              1e-4);
  EXPECT_EQ(assigner.nearest(row, 1000).size(), kCells);
  EXPECT_TRUE(assigner.nearest(row, 0).empty());
}

}  // namespace
}  // namespace dreamdb
