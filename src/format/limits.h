// Limits of structured objects (spec 1.3): a reader refuses what exceeds them, a writer never
// writes it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dreamdb {

inline constexpr size_t kStructureBytesMax = 1 << 20;  // genesis, ref, manifest, session
inline constexpr size_t kPageBytesMax = 256 * 1024;
inline constexpr uint32_t kTreeHeightMax = 12;
inline constexpr uint64_t kLastAnchor = UINT64_MAX - 1;  // 2^64-1 is not an anchor (S1.1)
inline constexpr uint64_t kEmbeddingDimMax = 65'536;
inline constexpr size_t kOperationBytesMax = 64;
inline constexpr size_t kWriterBytesMax = 1024;
inline constexpr size_t kHostBytesMax = 64;
inline constexpr size_t kSessionPinsMax = 64;
inline constexpr size_t kRefNameBytesMax = 16 * 64 + 15;
inline constexpr size_t kRefPassedMax = 256;
inline constexpr size_t kMetaKeysMax = 256;
inline constexpr size_t kMetaBytesMax = 256 * 1024;  // keys and values together

// Whether a segment of `size` bytes may have a footer of `footer` (S6.6).
constexpr bool is_segment_size(uint64_t size, uint64_t footer) {
  constexpr uint64_t kObjectMax = 4ull << 30, kFooterMax = 16 << 20, kHeaderAndTrailer = 64 + 16;
  return size <= kObjectMax && footer <= kFooterMax && size >= footer + kHeaderAndTrailer;
}

}  // namespace dreamdb
