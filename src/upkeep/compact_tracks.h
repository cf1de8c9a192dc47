// What there is to compact in a version, track by track.
//
// Thread rule: one call at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dreamdb/upkeep.h"
#include "object/objects.h"
#include "upkeep/compact_plan.h"

namespace dreamdb {

// One piece, and the tree it is of.
struct TrackPiece {
  FieldId field{0};
  std::optional<Address> spatial;  // of the index whose codes they are; nullopt: a track
  TrackRules rules;
  CompactPiece piece;
};

struct CompactPlan {
  std::vector<TrackPiece> pieces;
  std::vector<CompactedTrack> tracks;  // those with pieces, what is written as it is expected
  std::vector<size_t> track_of;        // of each piece: its place in `tracks`
};

// Pieces of the shard alone, if the options name one. Reads all pages of the version's trees, and
// lists of anchors where neither ranges nor steps tell whether segments lie apart.
Result<CompactPlan> plan_compaction(Objects& objects, const Manifest& version,
                                    const CompactOptions& options);

// Whether two segments have an anchor in common: reads both lists where they are no sequences.
Result<bool> share_anchor(Objects& objects, const EntryPtr& a, const EntryPtr& b);

}  // namespace dreamdb
