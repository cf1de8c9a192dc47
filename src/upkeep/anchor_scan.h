// The anchors that stand in chosen segments of a track, ascending, each as often as it stands.
//
// Thread rule: one thread at a time.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "object/objects.h"

namespace dreamdb {

class AnchorScan {
 public:
  // An anchor and the entry of the segment that it stands in.
  struct At {
    uint64_t anchor = 0;
    EntryPtr entry;
  };

  // Anchors in [first, last]. `keep` is asked for inner and leaf entries: false leaves out all
  // below. `objects` outlives the scan.
  AnchorScan(Objects& objects, const Root& root, uint64_t first, uint64_t last,
             std::function<bool(const Entry&)> keep);

  // Where the scan stands; nullopt at the end.
  const std::optional<At>& now() const { return now_; }
  // Moves on; also the first step. Reads ahead about a million anchors: pages, footers and lists in
  // a wave each.
  Status next();

 private:
  struct Cursor {
    EntryPtr entry;
    Buffer list;  // empty: its anchors are a sequence
    uint64_t row = 0;

    uint64_t anchor() const;
  };
  struct Later {
    bool operator()(const Cursor& a, const Cursor& b) const;
  };

  Status look_ahead();

  Objects& objects_;
  const uint64_t first_, last_;
  TreeCursor tree_;
  bool is_read_ = false;         // the tree has no further entry
  std::deque<Cursor> upcoming_;  // in tree order
  std::priority_queue<Cursor, std::vector<Cursor>, Later> active_;
  std::optional<At> now_;
};

}  // namespace dreamdb
