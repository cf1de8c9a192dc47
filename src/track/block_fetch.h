// Collects the blocks that a column needs; those of all columns are fetched in one wave.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "object/objects.h"

namespace dreamdb {

// Takes what it wants of an extent where it was read, so that its bytes need not be kept.
class ExtentTaker {
 public:
  virtual ~ExtentTaker() = default;
  // On any thread, for several extents at a time; once for each at most.
  virtual void take(size_t id, std::span<const std::byte> bytes) = 0;
};

class BlockFetch {
 public:
  // Asks for consecutive blocks as one extent; the id to get its bytes by.
  // `taker`: offered its bytes, not always; must live until the next `run` is over.
  size_t want(const SegmentPtr& segment, const Run& run, size_t first_block, size_t block_count,
              ExtentTaker* taker = nullptr);
  // Asks for a part of a block that was verified before.
  size_t want_part(const SegmentPtr& segment, const Run& run, size_t block,
                   const Extent::Part& part, ExtentTaker* taker);

  // Fetches and verifies everything that was asked of `fetches` since the last call.
  static Status run(Objects& objects, std::span<BlockFetch> fetches);

  const Extent& extent(size_t id) const { return extents_[id]; }
  bool is_taken(size_t id) const { return bytes_[id].empty() && extents_[id].size() > 0; }
  const Buffer& bytes(size_t id) const { return bytes_[id]; }
  // The stored bytes of one block of an extent that is no part of one.
  Buffer block(size_t id, size_t block) const;

 private:
  bool take(size_t id, std::span<const std::byte> bytes) const;

  std::vector<Extent> extents_;
  std::vector<ExtentTaker*> takers_;  // of each extent; nullptr: none
  std::vector<Buffer> bytes_;
};

}  // namespace dreamdb
