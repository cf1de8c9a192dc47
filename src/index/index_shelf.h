// The spatial indexes that a process used last, so that each is read once, or twice where the first
// use needs no centroids and a later one does.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <list>

#include "index/spatial_index.h"
#include "runtime/fork.h"

namespace dreamdb {

class IndexShelf {
 public:
  // From the shelf, or read: see load_spatial_index.
  Result<SpatialIndexPtr> find(Objects& objects, const FieldIndex& place, const Field& field,
                               std::initializer_list<const Root*> others, IndexUse use);

 private:
  static constexpr size_t kKept = 8;

  ForkSafeMutex mutex_;
  std::list<SpatialIndexPtr> kept_;  // newest use first
};

}  // namespace dreamdb
