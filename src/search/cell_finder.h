// The cells that a query looks into: the nearest of many centroids, found through their own 1-bit
// codes and exact scores of those that the bounds leave in doubt.
//
// Thread rule: pure; a CellFinder is immutable and shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "search/vector_code.h"

namespace dreamdb {

// Codes of centroids as vectors, in the cell whose centroid is the origin (spec 12.6, `routes`).
struct Routes {
  std::vector<uint64_t> bits;            // [k, D / 64]
  std::vector<float> add, scale, error;  // [k]

  size_t count() const { return add.size(); }
};

// centroids: [k, D], padded. O(k D log D).
Routes make_routes(const CodeFrame& frame, std::span<const float> centroids);

struct CellHit {
  uint32_t cell = 0;
  float base = 0;      // of spec 12.4: dot(c, q) under cosine and ip, -|q - c|^2 under l2
  float distance = 0;  // |q - c|: the bound of a code is its error times this
  bool operator==(const CellHit&) const = default;
};

class CellFinder {
 public:
  // Below so many centroids all of them are scored.
  static constexpr size_t kScanAllBelow = 256;

  // centroids: [k, D], padded; they and the frame are kept by their owner while this lives.
  CellFinder(const CodeFrame& frame, std::span<const float> centroids)
      : CellFinder(frame, centroids, make_routes(frame, centroids)) {}
  // routes: of these centroids, as an index holds them.
  CellFinder(const CodeFrame& frame, std::span<const float> centroids, Routes routes);

  size_t count() const { return routes_.count(); }

  // The n cells of the greatest `base`, the greatest first, of equal ones the first; all if there
  // are fewer. query: [D], placed; prepared: CodeQuery(frame, query).
  // Exact below kScanAllBelow; else of the n best at least 99 in 100 are among them, and each base
  // is exact.
  std::vector<CellHit> nearest(std::span<const float> query, const CodeQuery& prepared,
                               size_t n) const;

 private:
  std::span<const float> centroid(size_t i) const {
    return centroids_.subspan(i * frame_.dim(), frame_.dim());
  }
  std::vector<uint32_t> candidates(std::span<const float> query, const CodeQuery& prepared,
                                   size_t n) const;
  float base_of(std::span<const float> query, size_t cell) const;
  void score_all(std::span<const float> query, std::span<float> bases) const;
  std::vector<CellHit> best_of(std::span<const float> query, std::span<float> bases,
                               size_t n) const;
  std::vector<CellHit> finish(std::span<const float> query, std::vector<CellHit> hits,
                              size_t n) const;

  const CodeFrame& frame_;
  std::span<const float> centroids_;
  Routes routes_;
};

}  // namespace dreamdb
