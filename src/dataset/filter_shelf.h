// The records that a filter lets through, kept for the next query with the same filter.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "dreamdb/dataset.h"
#include "object/objects.h"
#include "runtime/fork.h"
#include "search/anchor_set.h"

namespace dreamdb {

// The records of a range that match; `next`: where those begin that were too many to hold.
struct Matches {
  std::shared_ptr<const AnchorSet> set;
  std::optional<uint64_t> next;
};

class FilterShelf {
 public:
  // The anchors in [start, end) whose records match, the first `matches_max` of them. Reads the
  // columns that the filter names, unless it was asked the same of this version before.
  Result<Matches> find(const std::shared_ptr<Objects>& objects, const ManifestPtr& manifest,
                       const Where& where, uint64_t start, uint64_t end);

  // How many are held at once: 8 bytes each.
  void set_matches_max(size_t matches_max) { matches_max_ = matches_max; }

 private:
  static constexpr uint64_t kKeptBytes = 64ull << 20;

  struct Kept {
    std::string question;
    Matches matches;
  };
  size_t matches_max_ = 4 << 20;
  ForkSafeMutex mutex_;
  std::list<Kept> kept_;  // newest use first
  uint64_t bytes_ = 0;
};

}  // namespace dreamdb
