#include "track/block_fetch.h"

namespace dreamdb {

size_t BlockFetch::want(const SegmentPtr& segment, const Run& run, size_t first_block,
                        size_t block_count) {
  extents_.push_back({segment, &run, first_block, block_count});
  return extents_.size() - 1;
}

Status BlockFetch::run() {
  const std::span<const Extent> fresh = std::span<const Extent>(extents_).subspan(bytes_.size());
  DREAMDB_ASSIGN(std::vector<Buffer> fetched, objects_.extents(fresh));
  for (Buffer& buffer : fetched) bytes_.push_back(std::move(buffer));
  return {};
}

Buffer BlockFetch::block(size_t id, size_t block) const {
  const Extent& extent = extents_[id];
  return bytes_[id].slice(extent.run->starts[block] - extent.offset(), extent.run->sizes[block]);
}

}  // namespace dreamdb
