// Blocks of codes: parts of their rows one behind the other (spec 12.7).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "base/assert.h"
#include "format/segment_writer.h"

namespace dreamdb {

inline constexpr size_t kWordBits = 64;

// The next `count` values of a block.
template <typename T>
std::span<const T> part_of(const Buffer& raw, size_t& at, size_t count) {
  const auto* begin = reinterpret_cast<const T*>(raw.data() + at);
  at += count * sizeof(T);
  return {begin, count};
}

// Words and floats are read in place.
inline Buffer aligned_block(const Buffer& stored) {
  const bool aligned = reinterpret_cast<uintptr_t>(stored.data()) % alignof(uint64_t) == 0;
  return aligned ? stored : Buffer::copy_of(stored.span());
}

inline std::unexpected<Error> block_bad(const Segment& segment, std::string_view run, size_t block,
                                        std::string_view what) {
  return segment_corrupt(segment.address, "run `" + std::string(run) + "` block " +
                                              std::to_string(block) + ": " + std::string(what));
}

// A block as it was stored, of the length that its run says.
inline Result<Buffer> sized_block(const Segment& segment, const Run& run, std::string_view name,
                                  size_t block, const Buffer& stored) {
  if (stored.size() == run.sizes[block]) return aligned_block(stored);
  return block_bad(segment, name, block,
                   "expected " + std::to_string(run.sizes[block]) + " bytes, found " +
                       std::to_string(stored.size()));
}

inline bool are_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

inline bool are_factors(std::span<const float> scale, std::span<const float> error,
                        std::span<const float> add) {
  const auto is_size = [](float value) { return std::isfinite(value) && value >= 0; };
  return std::ranges::all_of(scale, is_size) && std::ranges::all_of(error, is_size) &&
         are_finite(add);
}

// A block in the making: parts one behind the other.
class BlockDraft {
 public:
  explicit BlockDraft(size_t bytes) : bytes_(bytes) {}

  template <typename T>
  void add(std::span<const T> values) {
    if (!values.empty()) std::memcpy(bytes_.data() + at_, values.data(), values.size_bytes());
    at_ += values.size_bytes();
  }
  Buffer finish() && {
    DREAMDB_ASSERT(at_ == bytes_.size());
    return std::move(bytes_).freeze();
  }

 private:
  MutableBuffer bytes_;
  size_t at_ = 0;
};

// A run of blocks of `row_bytes` a row; fill(draft, first row, rows) fills one.
template <typename F>
RunDraft block_run(size_t rows, uint64_t row_bytes, F fill) {
  const uint64_t per = code_rows_per_block(row_bytes);
  RunDraft draft = empty_run(rows, per);
  for (size_t first = 0; first < rows; first += per) {
    const size_t count = std::min<size_t>(per, rows - first);
    BlockDraft block(count * row_bytes);
    fill(block, first, count);
    add_block(draft, {Codec::kRaw, std::move(block).finish()}, count * row_bytes);
  }
  return draft;
}

}  // namespace dreamdb
