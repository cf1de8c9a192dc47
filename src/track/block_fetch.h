// Collects the blocks that a read needs and fetches them in one wave.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "object/objects.h"

namespace dreamdb {

class BlockFetch {
 public:
  explicit BlockFetch(Objects& objects) : objects_(objects) {}

  // Asks for consecutive blocks as one extent; the id to get its bytes by.
  size_t want(const SegmentPtr& segment, const Run& run, size_t first_block, size_t block_count);

  // Fetches and verifies everything that was asked for since the last call.
  Status run();

  const Extent& extent(size_t id) const { return extents_[id]; }
  const Buffer& bytes(size_t id) const { return bytes_[id]; }
  // The stored bytes of one block of an extent.
  Buffer block(size_t id, size_t block) const;

 private:
  Objects& objects_;
  std::vector<Extent> extents_;
  std::vector<Buffer> bytes_;
};

}  // namespace dreamdb
