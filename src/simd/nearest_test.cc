// The two nearest centroids by each instruction set of this processor, against sums in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "simd/simd.h"

namespace dreamdb::simd {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// Packed rows or centroids, with bytes behind them that must stay as they are.
class Packed {
 public:
  Packed(const NearestKernels& kernels, bool rows, const std::vector<float>& values,
         const std::vector<float>& origin, size_t dim)
      : block_(rows ? kernels.block_rows : kernels.block_centroids),
        count_(values.size() / dim),
        padded_((count_ + block_ - 1) / block_ * block_),
        size_(padded_ * kernels.packed_bytes(dim)),
        memory_(static_cast<uint8_t*>(std::aligned_alloc(64, (size_ / 64 + 2) * 64))),
        squares_(padded_ + 1, 77) {
    std::fill_n(memory_.get() + size_, 64, uint8_t{0xa5});
    (rows ? kernels.pack_rows : kernels.pack_centroids)(values.data(), origin.data(), count_, dim,
                                                        memory_.get(), squares_.data());
    EXPECT_EQ(squares_.back(), 77);
    squares_.pop_back();
    for (size_t i = 0; i < 64; ++i) EXPECT_EQ(memory_.get()[size_ + i], 0xa5);
    for (size_t i = count_; i < padded_; ++i) EXPECT_EQ(squares_[i], 0);
  }

  const void* data() const { return memory_.get(); }
  size_t blocks() const { return padded_ / block_; }
  size_t padded() const { return padded_; }
  const std::vector<float>& squares() const { return squares_; }
  std::vector<float> half_squares() const {
    std::vector<float> half(padded_, -kNone);
    for (size_t i = 0; i < count_; ++i) half[i] = squares_[i] / 2;
    return half;
  }

 private:
  size_t block_, count_, padded_, size_;
  std::unique_ptr<uint8_t, Free> memory_;
  std::vector<float> squares_;
};

struct Found {
  std::vector<float> best, second;
  std::vector<uint32_t> best_at, second_at;

  explicit Found(size_t rows)
      : best(rows, kNone), second(rows, kNone), best_at(rows, 99), second_at(rows, 99) {}
  TwoNearest out() { return {best.data(), second.data(), best_at.data(), second_at.data()}; }
};

std::vector<float> normals(size_t count, uint64_t seed, float mean = 0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(mean);
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

struct Case {
  std::vector<float> rows, centroids, origin;
  size_t dim;

  Case(size_t n, size_t k, size_t of_dim, float mean = 0)
      : rows(normals(n * of_dim, n + of_dim, mean)),
        centroids(normals(k * of_dim, k, mean)),
        origin(normals(of_dim, 5, mean)),
        dim(of_dim) {}

  double score(size_t row, size_t centroid) const {
    double dot = 0, square = 0;
    for (size_t j = 0; j < dim; ++j) {
      const double x = static_cast<double>(rows[row * dim + j]) - origin[j];
      const double c = static_cast<double>(centroids[centroid * dim + j]) - origin[j];
      dot += x * c;
      square += c * c;
    }
    return dot - square / 2;
  }
};

// What rounding can do to a score: its products and half the square of a centroid.
double error_of(const NearestKernels& kernels, double row_square, double centroid_square) {
  const double sizes = std::sqrt(row_square) + std::sqrt(centroid_square);
  return (2.0 * kernels.rounding + 2e-5) * sizes * sizes;
}

void check(const NearestKernels& kernels, const Case& of) {
  const size_t n = of.rows.size() / of.dim, k = of.centroids.size() / of.dim;
  const Packed rows(kernels, true, of.rows, of.origin, of.dim);
  const Packed centroids(kernels, false, of.centroids, of.origin, of.dim);
  const std::vector<float> half = centroids.half_squares();
  Found found(rows.padded());
  kernels.find(rows.data(), rows.blocks(), centroids.data(), half.data(), centroids.blocks(),
               of.dim, found.out());
  const double largest = std::ranges::max(centroids.squares());
  for (size_t i = 0; i < n; ++i) {
    const double error = error_of(kernels, rows.squares()[i], largest);
    std::vector<double> scores;
    for (size_t c = 0; c < k; ++c) scores.push_back(of.score(i, c));
    ASSERT_LT(found.best_at[i], k);
    EXPECT_NEAR(found.best[i], scores[found.best_at[i]], error) << i << " of " << n;
    EXPECT_NEAR(found.best[i], std::ranges::max(scores), error);
    if (k == 1) {
      EXPECT_EQ(found.second[i], kNone);
      continue;
    }
    ASSERT_LT(found.second_at[i], k);
    EXPECT_NE(found.second_at[i], found.best_at[i]);
    EXPECT_LE(found.second[i], found.best[i]);
    EXPECT_NEAR(found.second[i], scores[found.second_at[i]], error);
    std::ranges::nth_element(scores, scores.begin() + 1, std::greater());
    EXPECT_NEAR(found.second[i], scores[1], error);
  }
}

class EachNearest : public testing::TestWithParam<const Kernels*> {
 protected:
  const NearestKernels& kernels() const { return GetParam()->nearest; }
};

TEST_P(EachNearest, AgreesWithDoubleInAllDimensions) {
  for (size_t dim = 1; dim < 70; ++dim) check(kernels(), Case(1 + dim % 50, 1 + dim % 37, dim));
  for (const size_t dim : {96ul, 500ul, 512ul, 1000ul, 2080ul}) check(kernels(), Case(5, 40, dim));
}

TEST_P(EachNearest, AgreesWithDoubleForAllCounts) {
  for (const size_t n : {1ul, 15ul, 16ul, 17ul, 48ul, 49ul, 130ul})
    for (const size_t k : {1ul, 2ul, 8ul, 31ul, 32ul, 33ul, 64ul, 150ul})
      check(kernels(), Case(n, k, 24));
}

TEST_P(EachNearest, TheOriginTakesAwayWhatAllHaveInCommon) {
  check(kernels(), Case(60, 70, 100, 300));
}

TEST_P(EachNearest, OfEqualCentroidsTheFirstTwoAreFound) {
  Case of(40, 100, 40);
  for (size_t c = 60; c < 100; ++c)
    std::copy_n(of.rows.begin(), 40, of.centroids.begin() + static_cast<ptrdiff_t>(c * 40));
  for (size_t i = 1; i < 40; ++i)
    std::copy_n(of.rows.begin(), 40, of.rows.begin() + static_cast<ptrdiff_t>(i * 40));
  const Packed rows(kernels(), true, of.rows, of.origin, 40);
  const Packed centroids(kernels(), false, of.centroids, of.origin, 40);
  Found found(rows.padded());
  kernels().find(rows.data(), rows.blocks(), centroids.data(), centroids.half_squares().data(),
                 centroids.blocks(), 40, found.out());
  for (size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(found.best_at[i], 60u);
    EXPECT_EQ(found.second_at[i], 61u);
    EXPECT_EQ(found.best[i], found.second[i]);
  }
}

TEST_P(EachNearest, WhatWasFoundBeforeStaysUnlessBeaten) {
  const Case of(32, 40, 32);
  const Packed rows(kernels(), true, of.rows, of.origin, 32);
  const Packed centroids(kernels(), false, of.centroids, of.origin, 32);
  Found high(rows.padded());
  std::ranges::fill(high.best, 1e6f);
  std::ranges::fill(high.second, 1e5f);
  kernels().find(rows.data(), rows.blocks(), centroids.data(), centroids.half_squares().data(),
                 centroids.blocks(), 32, high.out());
  for (size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(high.best_at[i], 99u);
    EXPECT_EQ(high.second_at[i], 99u);
  }
}

TEST_P(EachNearest, NumbersThatOverflowFindNothing) {
  Case of(3, 20, 48);
  of.rows[48 + 5] = std::numeric_limits<float>::infinity();
  of.rows[96 + 5] = std::numeric_limits<float>::quiet_NaN();
  const Packed rows(kernels(), true, of.rows, of.origin, 48);
  const Packed centroids(kernels(), false, of.centroids, of.origin, 48);
  Found found(rows.padded());
  kernels().find(rows.data(), rows.blocks(), centroids.data(), centroids.half_squares().data(),
                 centroids.blocks(), 48, found.out());
  EXPECT_LT(found.best_at[0], 20u);
  EXPECT_EQ(found.best_at[2], 99u);
  EXPECT_EQ(found.best[2], kNone);
}

INSTANTIATE_TEST_SUITE_P(Simd, EachNearest,
                         testing::ValuesIn(available().begin(), available().end()),
                         [](const auto& table) { return std::string(table.param->name); });

}  // namespace
}  // namespace dreamdb::simd
