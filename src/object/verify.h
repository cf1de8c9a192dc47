// The bytes of extents compared with the hashes of their blocks, or with the tag of a part.
//
// Thread rule: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "object/objects.h"

namespace dreamdb {

// Work that is worth a thread: about 40 us of hashing.
inline constexpr uint64_t kVerifyUnitBytes = 256 * 1024;

// A block to verify, or a part of one, and where its stored bytes are.
struct Check {
  const Extent* extent;
  size_t block;
  std::span<const std::byte> bytes;
};

// bytes: all of the extent's; they and the extent outlive the checks.
void add_checks(const Extent& e, const Buffer& bytes, std::vector<Check>& checks);

// Corruption: a block is another than its hash says, or a part than its tag does. What is cut short
// is another's to tell.
Status verify_extent(const MemoryTags& tags, const Extent& e, std::span<const std::byte> bytes);

// On the pool where `total_bytes`, about those of all checks, are worth it.
Status verify_all(const MemoryTags& tags, std::span<const Check> checks, uint64_t total_bytes);

}  // namespace dreamdb
