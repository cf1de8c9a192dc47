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
  // routes: of these centroids, as an index holds them. Without centroids only `candidates` and
  // `rank` may be asked.
  CellFinder(const CodeFrame& frame, std::span<const float> centroids, Routes routes);

  size_t count() const { return routes_.count(); }

  // By what cells are ranked, the greater the nearer: under cosine that of the query and the
  // centroid, else `base`. A mean of directions is the shorter the further apart they are, so by
  // dot products narrow cells would come before others that are nearer.
  float closeness(const CellHit& hit) const {
    return inverse_lengths_.empty() ? hit.base : hit.base * inverse_lengths_[hit.cell];
  }

  // The n closest cells, the closest first, of equal ones the first; all if there are fewer.
  // query: [D], placed; prepared: CodeQuery(frame, query).
  // Exact below kScanAllBelow; else of the n best at least 99 in 100 are among them, and each base
  // is exact.
  std::vector<CellHit> nearest(std::span<const float> query, const CodeQuery& prepared,
                               size_t n) const;

  // The same in two steps, for who has no centroids at hand. Ascending: cells among which the n
  // nearest are, as surely as above; all of them where that is as many as there are.
  std::vector<uint32_t> candidates(std::span<const float> query, const CodeQuery& prepared,
                                   size_t n) const;
  // Of these cells the n closest, as above. rows: the centroid [D] of each.
  std::vector<CellHit> rank(std::span<const float> query, std::span<const uint32_t> cells,
                            std::span<const float* const> rows, size_t n) const;

 private:
  std::span<const float> centroid(size_t i) const {
    return centroids_.subspan(i * frame_.dim(), frame_.dim());
  }
  float base_of(std::span<const float> query, std::span<const float> row) const;
  void score_all(std::span<const float> query, std::span<float> bases) const;
  std::vector<CellHit> best_of(std::span<const float> query, std::span<const float> bases,
                               size_t n) const;
  void divide_by_lengths(std::span<float> bases) const;
  // A cell whose base is known, and its centroid.
  struct Scored {
    CellHit hit;
    float closeness;
    const float* row;
  };
  std::vector<CellHit> finish(std::span<const float> query, std::vector<Scored> cells,
                              size_t n) const;

  const CodeFrame& frame_;
  std::span<const float> centroids_;
  Routes routes_;
  std::vector<float> inverse_lengths_;  // [k] of centroids under cosine, else empty; of 0: 0
};

}  // namespace dreamdb
