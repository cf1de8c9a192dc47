// Deleted anchors of a field, held for searches through its index while they are few.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <list>
#include <memory>
#include <string>

#include "object/objects.h"
#include "runtime/fork.h"
#include "search/anchor_set.h"

namespace dreamdb {

class TombstoneShelf {
 public:
  // What is deleted of the field in this version, with its record or alone. nullptr: nothing, or
  // too much to be held; then a search finds codes without values, and looks further. Reads
  // tombstones unless it was asked the same before.
  Result<std::shared_ptr<const AnchorSet>> find(Objects& objects, const ManifestPtr& manifest,
                                                FieldId field);

  // How many are held for a field: 8 bytes each.
  void set_anchors_max(uint64_t anchors_max) { anchors_max_ = anchors_max; }

 private:
  static constexpr size_t kKeptMax = 4;

  struct Kept {
    std::string trees;
    std::shared_ptr<const AnchorSet> set;
  };
  uint64_t anchors_max_ = 1 << 20;
  ForkSafeMutex mutex_;
  std::list<Kept> kept_;  // newest use first
};

}  // namespace dreamdb
