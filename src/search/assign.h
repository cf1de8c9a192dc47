// Which centroid is the nearest of each of many rows: how rows find their cells.
//
// Under every metric a row belongs to the cell whose centroid is nearest by distance, the first of
// equal ones: a code's error grows with the distance to its centroid (spec 12.4). Under cosine rows
// are directions (`place_vector`), so that this is the best cosine too where centroids are of equal
// length.
//
// Thread rule: pure; an Assigner is immutable and shared, each thread assigns rows of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace dreamdb {

class Assigner {
 public:
  // centroids: [k, dim], k > 0, finite; kept by their owner while this lives. Holds them once more,
  // in the form that the processor multiplies fastest (bf16 or f32). O(k dim).
  Assigner(std::span<const float> centroids, size_t dim);

  size_t count() const { return count_; }
  size_t dim() const { return origin_.size(); }

  // cells: the nearest centroid of each row. rows: [cells.size(), dim]. square_distances: of the
  // same length, or empty. Where products are rounded to bf16 the two nearest are compared again in
  // f32 unless the rounding cannot have exchanged them: another cell than by f32 needs three that
  // are that near, and is hardly farther. A row whose distances are not finite numbers goes to any
  // cell.
  // O(rows k dim), as a product of matrices; 256 rows a call or more cost the least each.
  void assign(const float* rows, std::span<uint32_t> cells,
              std::span<float> square_distances = {}) const;

  // cells: the n nearest of one row, the nearest first, of equal ones the first; all k if there are
  // fewer. O(k dim), in f32.
  std::vector<uint32_t> nearest(std::span<const float> row, size_t n) const;

 private:
  class Batch;
  std::span<const float> row(size_t i) const { return centroids_.subspan(i * dim(), dim()); }
  float square_distance(const float* row, uint32_t cell) const;
  bool is_in_doubt(float square, float best, float second) const;

  std::span<const float> centroids_;
  std::vector<float> origin_;  // the mean of the centroids: what all have in common costs precision
  std::shared_ptr<std::byte> packed_;
  std::vector<float> half_squares_;  // |c - origin|^2 / 2 of each, infinity for what fills a block
  size_t count_;
  float length_max_ = 0;  // of c - origin
};

}  // namespace dreamdb
