// Parts of the space of addresses, for shards of a collection and for what fits its memory.
//
// Addresses are hashes, so equal parts have equally many. A part is a run of blocks, the addresses
// whose hash begins with the same 12 bits; in a listing, which goes by text, the keys of a block
// stand side by side.
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address.h"

namespace dreamdb {

inline constexpr uint32_t kHashBlocks = 4096;

struct HashSlice {
  uint32_t begin = 0, end = kHashBlocks;  // blocks

  bool has(const Address& address) const;
  bool is_whole() const { return begin == 0 && end == kHashBlocks; }
};

// Part `index` of `of` of a slice, in blocks as even as can be.
HashSlice part_of(const HashSlice& slice, uint64_t index, uint64_t of);

// Keys after `after`, up to `last` inclusive, or without end where that is empty.
struct KeyRange {
  std::string after, last;
};

// What to list below `folder` ("pages/") for the keys of a slice, ascending. The ranges of slices
// that make up the whole make up the folder: names that are no addresses stand in one of them too.
std::vector<KeyRange> ranges_of(std::string_view folder, const HashSlice& slice);

}  // namespace dreamdb
