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
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "dreamdb/result.h"
#include "plan/tree.h"

namespace dreamdb {

struct TrackRules {
  uint64_t bytes_max = 0, rows_max = 0;  // of a segment (spec 7)
  double run_segments = 1;               // a run ends when it fills so many,
  uint64_t run_entries = UINT64_MAX;     // or has so many
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

// Calls `visit` for all segments of the track that meet [first, last].
using VisitNear = std::function<Status(uint64_t first, uint64_t last,
                                       const std::function<Status(const EntryPtr&)>& visit)>;

// Asked once for each segment that is added.
struct EntryTraits {
  // Whether a segment is to be written anew however large it is; may be empty.
  std::function<bool(const Entry&)> is_wanted;
  // Neighbours of which one is covered by an index and the other not are not joined; may be empty.
  std::function<bool(const Entry&)> is_covered;
};

// Finds the pieces of a track as its segments go by. Holds those of one call, those that wait for
// neighbours, and those that must come along.
class PiecePlan {
 public:
  // `near` is asked where a piece reaches beyond what is held; it may be empty if all is added in
  // one call, or goes by `seq`.
  PiecePlan(const TrackRules& rules, EntryTraits traits, SharesAnchor shares, VisitNear near);

  // entries: the next ones of the track, in the order in which neighbours are joined: that of the
  // tree, or of codes that of `seq`. Returns the pieces that are whole, of which no two have a
  // segment in common. One that reaches into what was, or will be, added by another call may share
  // a segment with a piece of that: then only one of them can be carried out. Errors are those of
  // `shares` and `near`.
  Result<std::vector<CompactPiece>> add(std::span<const EntryPtr> entries, bool is_last);

 private:
  using EntryKey = std::pair<Address, uint64_t>;
  static constexpr size_t kNone = SIZE_MAX;

  struct Node {
    EntryPtr entry;
    bool is_wanted = false, is_covered = false;
    size_t group = kNone;
  };
  using Group = std::vector<size_t>;  // of nodes
  struct Span {
    uint64_t first = UINT64_MAX, last = 0;
  };

  static EntryKey key_of(const Entry& entry) { return {entry.child, entry.seq}; }

  void take_in(std::span<const EntryPtr> entries);
  std::vector<size_t> find_runs();
  Status close(size_t group);
  Status consider(size_t group, uint64_t greatest, size_t other, bool& has_grown);
  Status consider_far(size_t group, uint64_t greatest, const EntryPtr& entry, bool& has_grown);
  Result<bool> belongs(const Group& group, uint64_t greatest, const EntryPtr& other) const;
  void take(size_t group, size_t other);
  Span span_of(const Group& group) const;
  bool is_held(const Span& span) const;
  size_t index_of(const EntryPtr& entry);
  bool is_worth(const Group& group) const;
  CompactPiece piece_of(const Group& group) const;
  void drop(const std::vector<size_t>& kept);

  const TrackRules rules_;
  const EntryTraits traits_;
  const SharesAnchor shares_;
  const VisitNear near_;
  // The first `ordered_` stand side by side, those behind them elsewhere.
  std::vector<Node> nodes_;
  size_t ordered_ = 0;
  std::vector<uint64_t> last_up_to_;  // [i]: the greatest `last` of the first i + 1
  std::vector<Group> groups_;
  std::map<EntryKey, size_t> index_;  // of nodes_; empty until it is asked for
  bool is_last_ = false;
  std::optional<uint64_t> last_before_;  // the greatest `last` of those that are held no more
};

// All of them as one piece; there is one at least.
CompactPiece whole_piece(std::span<const EntryPtr> entries, const TrackRules& rules);

// Whether `other` would change winners if the inputs, which it is none of, got one `seq`.
Result<bool> stands_between(std::span<const EntryPtr> inputs, const EntryPtr& other,
                            const SharesAnchor& shares);

}  // namespace dreamdb
