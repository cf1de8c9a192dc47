// Which segments of a track become one: small neighbours, and whatever may not be left out.
//
// Where of two values of one field at one anchor the greater `seq` wins (spec 6.1), a segment made
// of several gets the greatest of theirs. A segment that is left out, and has a value of the same
// field at the same anchor as one of them that is older, would lose to the new one if its `seq` is
// not above all of theirs: such a segment comes along. Layers of the record track bring the primary
// segments that they lie on.
//
// Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "dreamdb/result.h"
#include "plan/tree.h"

namespace dreamdb {

struct TrackRules {
  uint64_t bytes_max = 0, rows_max = 0;  // of a segment (spec 7)
  double run_segments = 1;               // a run ends when it fills so many
  bool has_layers = false;               // the record track
  // Codes: what stands between is what has a `seq` between, so entries come in that order, and
  // nothing need be brought in.
  bool is_by_seq = false;
};

// Segments that become others, all at once.
struct CompactPiece {
  std::vector<EntryPtr> inputs;  // in the order of the track
  uint64_t seq = 0;              // of the new ones
  uint64_t rows = 0, bytes = 0;  // of the inputs
  uint64_t segments = 0;         // about how many they become
};

// Whether two segments whose ranges meet have an anchor in common.
using SharesAnchor = std::function<Result<bool>(const EntryPtr&, const EntryPtr&)>;

struct EntryTraits {
  // Whether a segment is to be written anew however large it is; may be empty.
  std::function<bool(const Entry&)> is_wanted;
  // Neighbours of which one is covered by an index and the other not are not joined; may be empty.
  std::function<bool(const Entry&)> is_covered;
};

// entries: all of a track, in the order in which neighbours are joined: that of the tree, or of
// codes that of `seq`. Pieces have no segment in common. Errors are those of `shares`.
Result<std::vector<CompactPiece>> plan_pieces(std::span<const EntryPtr> entries,
                                              const TrackRules& rules, const EntryTraits& traits,
                                              const SharesAnchor& shares);
// All of them as one piece; there is one at least.
CompactPiece whole_piece(std::span<const EntryPtr> entries, const TrackRules& rules);

// Whether `other` would change winners if the inputs, which it is none of, got one `seq`.
Result<bool> stands_between(std::span<const EntryPtr> inputs, const EntryPtr& other,
                            const SharesAnchor& shares);

}  // namespace dreamdb
