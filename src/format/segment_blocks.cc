// Verifies single blocks of a segment and decodes them into raw form (spec 7.1, S7.3).
#include <algorithm>

#include "base/assert.h"
#include "codec/utf8.h"
#include "format/segment_runs.h"

namespace dreamdb {
namespace {

std::string run_name(const Segment& segment, const Run& run) {
  for (const NamedRun& named : list_runs(segment))
    if (named.run == &run) return named.name;
  return "at offset " + std::to_string(run.at);
}

std::string block_name(const Segment& segment, const Run& run, size_t block) {
  return "run `" + run_name(segment, run) + "` block " + std::to_string(block) + " at [" +
         std::to_string(run.starts[block]) + ", " + std::to_string(run.starts[block + 1]) + ")";
}

std::unexpected<Error> block_bad(const Segment& segment, const Run& run, size_t block,
                                 const std::string& what) {
  return segment_corrupt(segment.address, block_name(segment, run, block) + ": " + what);
}

std::string hash_prefix(const Hash& hash) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < 8; ++i) {
    const auto byte = std::to_integer<unsigned>(hash[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text + "...";
}

// A fetched range may begin anywhere in memory; whoever reads numbers gets them aligned.
Buffer aligned(Buffer buffer) {
  if (reinterpret_cast<uintptr_t>(buffer.data()) % alignof(uint64_t) == 0) return buffer;
  return Buffer::copy_of(buffer.span());
}

Result<Buffer> decode(const Segment& segment, const Run& run, RunUse use, size_t block,
                      const Buffer& stored) {
  DREAMDB_ASSERT(block < run.blocks());
  if (stored.size() != run.sizes[block])
    return block_bad(segment, run, block,
                     "expected " + std::to_string(run.sizes[block]) + " bytes, found " +
                         std::to_string(stored.size()));
  Result<Buffer> raw = decode_block(run.codec(block), run_item(use), stored, run.raw_size(block));
  if (!raw) return block_bad(segment, run, block, raw.error().message);
  if (use == RunUse::kPayloads) return raw;
  return aligned(*std::move(raw));
}

template <typename T>
std::span<const T> numbers(const Buffer& raw) {
  return {reinterpret_cast<const T*>(raw.data()), raw.size() / sizeof(T)};
}

bool bitmap_tail_is_zero(const Buffer& raw, uint64_t bits) {
  if (bits % 8 == 0) return true;
  return (std::to_integer<unsigned>(raw.data()[raw.size() - 1]) >> (bits % 8)) == 0;
}

// u32 offsets[n + 1] from 0, ascending, then as many bytes of UTF-8 as the last one says; no string
// longer than the limit.
bool strings_are_sound(const Buffer& raw, uint64_t count) {
  const uint64_t table = 4 * (count + 1);
  const auto offsets = numbers<uint32_t>(raw).first(count + 1);
  if (offsets[0] != 0 || offsets[count] != raw.size() - table) return false;
  bool sound = true;
  for (size_t i = 0; i < count; ++i)
    sound &= offsets[i] <= offsets[i + 1] && offsets[i + 1] - offsets[i] <= kScalarStringBytesMax;
  const std::string_view text = raw.view().substr(table);
  if (!sound || !is_utf8(text)) return false;
  // A string that began inside a character would begin with a continuation byte, 10xxxxxx.
  for (size_t i = 0; i < count; ++i)
    sound &= offsets[i] == text.size() || (static_cast<uint8_t>(text[offsets[i]]) & 0xc0) != 0x80;
  return sound;
}

Result<Buffer> decode_indexes(const Segment& segment, const Run& run, RunUse use, size_t block,
                              const Buffer& stored, uint64_t limit) {
  DREAMDB_ASSIGN(Buffer raw, decode(segment, run, use, block, stored));
  uint32_t greatest = 0;
  for (const uint32_t index : numbers<uint32_t>(raw)) greatest = std::max(greatest, index);
  if (greatest >= limit)
    return block_bad(
        segment, run, block,
        "index " + std::to_string(greatest) + ", expected less than " + std::to_string(limit));
  return raw;
}

Result<Buffer> decode_bitmap(const Segment& segment, const Run& run, size_t block,
                             const Buffer& stored) {
  DREAMDB_ASSIGN(Buffer raw, decode(segment, run, RunUse::kBitmap, block, stored));
  if (!bitmap_tail_is_zero(raw, run.block_items(block)))
    return block_bad(segment, run, block, "bits behind the last row are not zero");
  return raw;
}

}  // namespace

Status verify_block(const Segment& segment, const Run& run, size_t block,
                    std::span<const std::byte> stored) {
  DREAMDB_ASSERT(block < run.blocks());
  if (stored.size() != run.sizes[block])
    return block_bad(segment, run, block,
                     "expected " + std::to_string(run.sizes[block]) + " bytes, found " +
                         std::to_string(stored.size()));
  const Hash found = blake3(stored);
  if (found == run.hashes[block]) return {};
  return block_bad(
      segment, run, block,
      "expected hash " + hash_prefix(run.hashes[block]) + ", found " + hash_prefix(found));
}

Result<Buffer> decode_anchors(const Segment& segment, size_t block, const Buffer& stored) {
  DREAMDB_ASSERT(segment.anchors.has_value());
  const Run& run = *segment.anchors;
  DREAMDB_ASSIGN(Buffer raw, decode(segment, run, RunUse::kAnchors, block, stored));
  const auto anchors = numbers<uint64_t>(raw);
  bool ascending = anchors.back() != UINT64_MAX;
  for (size_t i = 1; i < anchors.size(); ++i) ascending &= anchors[i - 1] < anchors[i];
  if (!ascending)
    return block_bad(segment, run, block, "anchors are not strictly ascending below 2^64-1");
  return raw;
}

Result<Buffer> decode_index(const Segment& segment, size_t block, const Buffer& stored) {
  DREAMDB_ASSERT(segment.index.has_value());
  return decode_indexes(segment, *segment.index, RunUse::kIndex, block, stored,
                        segment.payloads.items);
}

Result<Buffer> decode_payload(const Segment& segment, size_t block, const Buffer& stored) {
  return decode(segment, segment.payloads, RunUse::kPayloads, block, stored);
}

Result<Buffer> decode_valid(const Segment& segment, const ScalarColumn& column, size_t block,
                            const Buffer& stored) {
  DREAMDB_ASSERT(column.valid.has_value());
  return decode_bitmap(segment, *column.valid, block, stored);
}

Result<Buffer> decode_scalar(const Segment& segment, const ScalarColumn& column, size_t block,
                             const Buffer& stored) {
  const RunUse use = data_use(column);
  if (use == RunUse::kBitmap) return decode_bitmap(segment, column.data, block, stored);
  if (use == RunUse::kDictIndexes)
    return decode_indexes(segment, column.data, use, block, stored, column.dict->items);
  DREAMDB_ASSIGN(Buffer raw, decode(segment, column.data, use, block, stored));
  if (use == RunUse::kStrings && !strings_are_sound(raw, column.data.block_items(block)))
    return block_bad(segment, column.data, block,
                     "expected ascending offsets and strings of UTF-8, each of at most 1 MiB");
  return raw;
}

Result<Dictionary> decode_dictionary(const Segment& segment, const ScalarColumn& column,
                                     const Buffer& stored) {
  DREAMDB_ASSERT(column.dict.has_value());
  const Run& run = *column.dict;
  DREAMDB_ASSIGN(Buffer raw, decode(segment, run, RunUse::kDict, 0, stored));
  if (!strings_are_sound(raw, run.items))
    return block_bad(segment, run, 0,
                     "expected ascending offsets and words of UTF-8, each of at most 1 MiB");
  Dictionary dictionary{raw, {}};
  dictionary.words.reserve(run.items);
  const auto offsets = numbers<uint32_t>(raw);
  const std::string_view text = raw.view().substr(4 * (run.items + 1));
  for (size_t i = 0; i < run.items; ++i)
    dictionary.words.push_back(text.substr(offsets[i], offsets[i + 1] - offsets[i]));
  for (size_t i = 1; i < dictionary.words.size(); ++i)
    if (!(dictionary.words[i - 1] < dictionary.words[i]))
      return block_bad(segment, run, 0, "words are not unique and in order");
  return dictionary;
}

}  // namespace dreamdb
