// Codes of chosen cells scanned for some queries at once.
//
// Thread rule: one call at a time; the work is shared on the pool.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "index/code_plan.h"
#include "search/anchor_set.h"
#include "search/candidates.h"

namespace dreamdb {

// How far from its estimate a row may be to be looked at, in standard deviations: what is found of
// the best rows grows with it, and so does what is read. By one bit the many rows near the
// threshold are told apart, by all bits the few that are left, for which less is as safe.
struct Deviations {
  float one_bit, all_bits;

  // Of the bounds by which an index of so many bits leaves rows to exact scores.
  float last(unsigned bits) const { return bits > 1 ? all_bits : one_bit; }
};

// For a search that wants `recall`. With the least, 99 in 100 of the best are found among those
// scanned; of queries that have no near rows somewhat fewer.
Deviations bound_deviations(double recall);

// Beyond these f32 may overflow on the way to a bound, and a NaN would hide a row: such rows stay
// in doubt.
inline constexpr float kBaseMax = 1e30f, kDistanceMax = 1e15f;

// Which anchors may be found.
struct AnchorFilter {
  uint64_t first = 0, last = UINT64_MAX;
  std::shared_ptr<const AnchorSet> set;     // nullptr: all in the range
  std::shared_ptr<const AnchorSet> hidden;  // but these; nullptr: none that are known

  bool is_open() const {
    return set == nullptr && hidden == nullptr && first == 0 && last == UINT64_MAX;
  }
  bool has(uint64_t anchor) const {
    return anchor >= first && anchor <= last && (set == nullptr || set->has(anchor)) &&
           (hidden == nullptr || !hidden->has(anchor));
  }
};

struct ProbeQuery {
  ProbeQuery(const SpatialIndex& index, std::span<const float> placed_query, Deviations bound)
      : placed(placed_query.begin(), placed_query.end()),
        prepared(index.frame(), placed),
        deviations(bound) {}

  std::vector<float> placed;  // [D]
  CodeQuery prepared;
  Deviations deviations;
  std::vector<CellHit> cells;  // those to look into, the nearest first
  size_t counted = 0;          // in so many of them it is counted what the filter lets through
};

// out: one for each query; rows that the filter lets through are offered.
// Memory: kRoundBytes of blocks. A wave a round; 1 for up to kRoundBytes.
Status scan_codes(Objects& objects, const CodePlan& plan, std::span<const ProbeQuery> queries,
                  const AnchorFilter& filter, std::span<Candidates> out);

// The cells of all queries, ascending.
std::vector<uint32_t> union_of_cells(std::span<const ProbeQuery> queries);

}  // namespace dreamdb
