#include "index/index_shelf.h"

#include <algorithm>
#include <mutex>

namespace dreamdb {

Result<SpatialIndexPtr> IndexShelf::find(Objects& objects, const FieldIndex& place,
                                         const Field& field,
                                         std::initializer_list<const Root*> others, IndexUse use) {
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(kept_, place.spatial, &SpatialIndex::address);
    if (at != kept_.end() && (use == IndexUse::kSearch || (*at)->has_centroids())) {
      kept_.splice(kept_.begin(), kept_, at);
      return kept_.front();
    }
  }
  DREAMDB_ASSIGN(SpatialIndexPtr index, load_spatial_index(objects, place, field, others, use));
  const std::lock_guard lock(mutex_);
  std::erase_if(kept_, [&](const auto& kept) { return kept->address() == index->address(); });
  kept_.push_front(index);
  if (kept_.size() > kKept) kept_.pop_back();
  return index;
}

}  // namespace dreamdb
