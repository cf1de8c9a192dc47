// All codes of a segment in one piece of memory, rows one behind the other. Searches ask for blocks
// until they have looked at as many rows as the segment has; then what is kept of them moves
// together, and every cell, and both runs of its rows, are found at once.
//
// Thread rule: every call may come from any thread; a WholeCodes is immutable and shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "object/objects.h"

namespace dreamdb {

class WholeCodes {
 public:
  // Of CodeParts, so many rows long.
  explicit WholeCodes(const CodeParts& codes);

  // Of all rows, and of spare ones behind them, so that kernels may read kSpareRows at a time.
  static constexpr size_t kSpareRows = 16;
  const CodeBlock& codes() const { return codes_; }

  // If the index has more than one bit: `add`, `scale` and `error` of a row.
  const float* factors(size_t row) const {
    return reinterpret_cast<const float*>(levels_ + row * levels_bytes_);
  }
  const uint8_t* levels(size_t row) const {
    return reinterpret_cast<const uint8_t*>(levels_ + row * levels_bytes_ + kFactorsBytes);
  }
  uint64_t size_bytes() const { return memory_.size(); }

  // While it is made: the rows of a block, the first of which is `row`.
  void put(size_t row, const CodeBlock& block);
  void put(size_t row, const ExtraBlock& block);

 private:
  static constexpr size_t kFactorsBytes = 4 * sizeof(float);  // with one that aligns the levels

  MutableBuffer memory_;
  CodeBlock codes_;
  std::byte* levels_ = nullptr;
  size_t levels_bytes_ = 0;  // of a row, with its factors
};

// For a search that looks at so many rows of a segment; nullptr: they are not together. When they
// move: O(bytes of the segment), in as much memory as the blocks had and, until it is done, 64 MB
// at most. Those that are not kept are read if the store is not far; if one cannot be had, all stay
// blocks.
std::shared_ptr<const WholeCodes> whole_codes(Objects& objects, const SegmentPtr& segment,
                                              uint64_t rows);

}  // namespace dreamdb
