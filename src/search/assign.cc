#include "search/assign.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/allocate.h"
#include "base/assert.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

// Packed rows of a batch stay in the second cache while all centroids pass by.
constexpr size_t kBatchRows = 256;
constexpr size_t kBatchBytes = 512 * 1024;
// What sums in f32 can be wrong by, relative to the squares of the lengths.
constexpr float kSumError = 0x1p-19f;

size_t round_up(size_t count, size_t unit) { return (count + unit - 1) / unit * unit; }

}  // namespace

// Rows packed, and what is found of each.
class Assigner::Batch {
 public:
  explicit Batch(size_t rows_max, size_t dim)
      : packed_(allocate_bytes(rows_max * simd::nearest().packed_bytes(dim))),
        squares(rows_max),
        best(rows_max),
        second(rows_max),
        best_at(rows_max),
        second_at(rows_max) {}

  void find(const Assigner& of, const float* rows, size_t count) {
    const simd::NearestKernels& kernels = simd::nearest();
    const float none = -std::numeric_limits<float>::infinity();
    std::ranges::fill(best, none);
    std::ranges::fill(second, none);
    std::ranges::fill(best_at, 0u);
    std::ranges::fill(second_at, 0u);
    kernels.pack_rows(rows, of.origin_.data(), count, of.dim(), packed_.get(), squares.data());
    kernels.find(packed_.get(), round_up(count, kernels.block_rows) / kernels.block_rows,
                 of.packed_.get(), of.half_squares_.data(),
                 of.half_squares_.size() / kernels.block_centroids, of.dim(),
                 {best.data(), second.data(), best_at.data(), second_at.data()});
  }

 private:
  std::shared_ptr<std::byte> packed_;

 public:
  std::vector<float> squares;  // |x - origin|^2
  std::vector<float> best, second;
  std::vector<uint32_t> best_at, second_at;
};

Assigner::Assigner(std::span<const float> centroids, size_t dim)
    : centroids_(centroids), origin_(dim), count_(dim == 0 ? 0 : centroids.size() / dim) {
  DREAMDB_ASSERT(count_ > 0 && centroids.size() == count_ * dim);
  std::vector<double> sums(dim);
  for (size_t i = 0; i < count_; ++i)
    for (size_t j = 0; j < dim; ++j) sums[j] += centroids[i * dim + j];
  for (size_t j = 0; j < dim; ++j)
    origin_[j] = static_cast<float>(sums[j] / static_cast<double>(count_));
  const simd::NearestKernels& kernels = simd::nearest();
  half_squares_.resize(round_up(count_, kernels.block_centroids));
  packed_ = allocate_bytes(half_squares_.size() * kernels.packed_bytes(dim));
  kernels.pack_centroids(centroids.data(), origin_.data(), count_, dim, packed_.get(),
                         half_squares_.data());
  length_max_ = std::sqrt(std::ranges::max(half_squares_));
  for (float& half : half_squares_) half /= 2;
  std::fill(half_squares_.begin() + static_cast<ptrdiff_t>(count_), half_squares_.end(),
            std::numeric_limits<float>::infinity());
}

float Assigner::square_distance(const float* row_values, uint32_t cell) const {
  float square = 0;
  simd::l2_rows_f32(row_values, row(cell).data(), 1, dim(), &square);
  return square;
}

// Whether rounding can have exchanged the two best scores of a row of so long a square. With u the
// error of a rounded number, x of the row, c and d of the centroids (less the origin), the
// difference of their scores is wrong by <ux, c - d> + <x - c, uc> + <x - d, ud>.
bool Assigner::is_in_doubt(float square, float best, float second) const {
  const float sizes = std::sqrt(square) + length_max_;
  const float distance = std::sqrt(std::max(0.0f, square - 2 * best));
  const float error = 2 * sizes * (simd::nearest().rounding * distance + kSumError * sizes);
  // No number: in doubt too.
  return !(best - second > error);
}

void Assigner::assign(const float* rows, std::span<uint32_t> cells,
                      std::span<float> square_distances) const {
  const simd::NearestKernels& kernels = simd::nearest();
  const size_t fit = std::min(kBatchRows, kBatchBytes / kernels.packed_bytes(dim()));
  const size_t rows_max = std::max(fit / kernels.block_rows, size_t{1}) * kernels.block_rows;
  Batch batch(std::min(rows_max, round_up(cells.size(), kernels.block_rows)), dim());
  for (size_t first = 0; first < cells.size(); first += rows_max) {
    const size_t n = std::min(rows_max, cells.size() - first);
    batch.find(*this, rows + first * dim(), n);
    for (size_t i = 0; i < n; ++i) {
      const float* const values = rows + (first + i) * dim();
      uint32_t cell = batch.best_at[i];
      if (is_in_doubt(batch.squares[i], batch.best[i], batch.second[i])) {
        const uint32_t other = batch.second_at[i];
        const float square = square_distance(values, cell);
        const float other_square = square_distance(values, other);
        if (other_square < square || (other_square == square && other < cell)) cell = other;
      }
      cells[first + i] = cell;
      if (!square_distances.empty()) square_distances[first + i] = square_distance(values, cell);
    }
  }
}

std::vector<uint32_t> Assigner::nearest(std::span<const float> row, size_t n) const {
  DREAMDB_ASSERT(row.size() == dim());
  std::vector<float> distances(count());
  simd::l2_rows_f32(row.data(), centroids_.data(), count(), dim(), distances.data());
  std::vector<uint32_t> order(count());
  std::iota(order.begin(), order.end(), 0u);
  const size_t kept = std::min(n, count());
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(kept), order.end(),
                    [&](uint32_t a, uint32_t b) {
                      return distances[a] != distances[b] ? distances[a] < distances[b] : a < b;
                    });
  order.resize(kept);
  return order;
}

}  // namespace dreamdb
