// What there is to compact in a version, track by track, a part at a time.
//
// Thread rule: one call at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dreamdb/upkeep.h"
#include "object/objects.h"
#include "upkeep/compact_plan.h"

namespace dreamdb {

// A tree, and how its segments are joined.
struct CompactedTree {
  FieldId field{0};
  std::optional<Address> spatial;  // of the index whose codes they are; nullopt: a track
  uint64_t segments = 0;           // before
  TrackRules rules;
};

// The pieces of so many segments that stand side by side.
struct PlannedPart {
  CompactedTree tree;
  std::vector<CompactPiece> pieces;
  uint64_t bytes = 0;  // of the segments
};

class TreeParts;

class CompactPlanner {
 public:
  // objects, version and options must outlive this.
  CompactPlanner(Objects& objects, const Manifest& version, const CompactOptions& options);
  ~CompactPlanner();

  // Of the shard alone, if the options name one; nullopt: there are no more. Reads all pages of the
  // version's trees, and lists of anchors where neither ranges nor steps tell whether segments lie
  // apart. Holds `entries_at_once` segments of a tree; for a purge all of a track, since those are
  // purged together.
  Result<std::optional<PlannedPart>> next();

  uint64_t bytes() const;  // of all trees

 private:
  std::unique_ptr<TreeParts> begin(size_t tree);

  Objects& objects_;
  const Manifest& version_;
  const CompactOptions& options_;
  size_t begun_ = 0;  // trees, of codes first
  std::unique_ptr<TreeParts> parts_;
};

// Whether two segments have an anchor in common: reads both lists where they are no sequences.
Result<bool> share_anchor(Objects& objects, const EntryPtr& a, const EntryPtr& b);

}  // namespace dreamdb
