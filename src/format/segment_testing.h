// Helpers of the segment tests: inputs, and whole segments read back through the public functions.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "format/segment_runs.h"

namespace dreamdb::segment_testing {

inline Nonce test_nonce() {
  Nonce nonce;
  for (size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::byte>(0xa0 + i);
  return nonce;
}

inline std::vector<uint64_t> steady(size_t rows, uint64_t first = 1000, uint64_t step = 10) {
  std::vector<uint64_t> anchors(rows);
  for (size_t i = 0; i < rows; ++i) anchors[i] = first + i * step;
  return anchors;
}

inline std::vector<uint64_t> jittered(size_t rows) {
  std::vector<uint64_t> anchors = steady(rows, 5'000'000'000, 1000);
  for (size_t i = 0; i < rows; ++i) anchors[i] += (i * 7919) % 613;
  return anchors;
}

// Bytes that look random and are the same on every run.
inline std::vector<std::byte> noise(size_t size, uint64_t seed = 1) {
  std::vector<std::byte> bytes(size);
  uint64_t x = seed * 0x9e3779b97f4a7c15;
  for (std::byte& byte : bytes) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    byte = static_cast<std::byte>(x >> 32);
  }
  return bytes;
}

template <typename T>
Buffer buffer_of(const std::vector<T>& values) {
  return Buffer::copy_of(std::as_bytes(std::span(values)));
}

// A cell is the bytes of its value, or nothing.
using Cells = std::vector<std::optional<std::string>>;

inline bool test_bit(const Buffer& bitmap, size_t i) {
  return ((std::to_integer<unsigned>(bitmap.data()[i / 8]) >> (i % 8)) & 1u) != 0;
}

template <typename T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// A column of `type` from its cells; rows without a value hold zeros or nothing.
inline Column column_of(FieldType type, const Cells& cells) {
  Column column;
  column.name = "c";
  column.type = type;
  std::vector<std::byte> valid((cells.size() + 7) / 8);
  std::string values;
  std::vector<uint32_t> offsets = {0};
  const size_t width = type == FieldType::kBool ? 1 : 8;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (cells[i]) valid[i / 8] |= static_cast<std::byte>(1u << (i % 8));
    values += cells[i] ? *cells[i] : is_string(type) ? "" : std::string(width, '\0');
    offsets.push_back(static_cast<uint32_t>(values.size()));
  }
  if (std::ranges::any_of(cells, [](const auto& cell) { return !cell; }))
    column.valid = buffer_of(valid);
  if (is_string(type)) column.offsets = buffer_of(offsets);
  column.values = Buffer::copy_of(values);
  return column;
}

// A built segment whose object passed the check of the whole.
struct Whole {
  BuiltSegment built;
  Segment segment;

  explicit Whole(Result<BuiltSegment> result) {
    if (!result) {
      ADD_FAILURE() << result.error().message;
      return;
    }
    built = *std::move(result);
    auto parsed = parse_whole_segment(built.object.span(), built.entry.child);
    if (!parsed) {
      ADD_FAILURE() << parsed.error().message;
      return;
    }
    segment = *std::move(parsed);
    const Entry& entry = built.entry;
    EXPECT_EQ(entry.size, built.object.size());
    EXPECT_EQ(entry.bytes, entry.size);
    EXPECT_EQ(entry.segments, 1u);
    EXPECT_EQ(entry.seq, 0u);
    EXPECT_EQ(entry.rows, segment.rows);
    EXPECT_EQ(entry.records, segment.type == SegmentType::kScalar ? 0 : segment.rows);
    EXPECT_EQ(entry.footer, footer().size());
    EXPECT_EQ(entry.step, segment.step);
    EXPECT_EQ(entry.stats, segment.stats);
    EXPECT_EQ(segment.end + entry.footer + kSegmentTrailerBytes, entry.size);
    EXPECT_EQ(write_segment_footer(segment), std::vector(footer().begin(), footer().end()));
  }

  Whole(BuiltSegment object, Segment footer)
      : built(std::move(object)), segment(std::move(footer)) {}

  std::span<const std::byte> footer() const {
    return built.object.span().subspan(segment.end, built.entry.footer);
  }
  Buffer stored(const Run& run, size_t block) const {
    return built.object.slice(run.starts[block], run.sizes[block]);
  }

  std::vector<uint64_t> anchors() const {
    std::vector<uint64_t> out;
    if (!segment.anchors) return steady(segment.rows, segment.first, segment.step);
    for (size_t i = 0; i < segment.anchors->blocks(); ++i) {
      const Buffer raw = decode_anchors(segment, i, stored(*segment.anchors, i)).value();
      const auto* values = reinterpret_cast<const uint64_t*>(raw.data());
      out.insert(out.end(), values, values + raw.size() / 8);
    }
    return out;
  }

  std::vector<std::string> payloads() const {
    std::vector<uint32_t> index(segment.rows);
    std::iota(index.begin(), index.end(), 0u);
    if (segment.index) index.clear();
    for (size_t i = 0; segment.index && i < segment.index->blocks(); ++i) {
      const Buffer raw = decode_index(segment, i, stored(*segment.index, i)).value();
      const auto* values = reinterpret_cast<const uint32_t*>(raw.data());
      index.insert(index.end(), values, values + raw.size() / 4);
    }
    std::vector<std::string> out;
    for (const uint32_t i : index)
      out.emplace_back(decode_payload(segment, i, stored(segment.payloads, i)).value().view());
    return out;
  }

  Cells cells(FieldId field) const {
    const ScalarColumn* column = segment.find_column(field);
    if (column == nullptr) return Cells(segment.rows);
    Dictionary dictionary;
    if (column->dict) dictionary = *decode_dictionary(segment, *column, stored(*column->dict, 0));
    Cells out;
    for (size_t block = 0; block < column->data.blocks(); ++block) {
      const Buffer raw =
          decode_scalar(segment, *column, block, stored(column->data, block)).value();
      Buffer valid;
      if (column->valid)
        valid = decode_valid(segment, *column, block, stored(*column->valid, block)).value();
      for (size_t i = 0; i < column->data.block_items(block); ++i) {
        const bool present = valid.empty() || test_bit(valid, i);
        out.push_back(present ? std::optional(cell(*column, dictionary, raw, block, i))
                              : std::nullopt);
      }
    }
    return out;
  }

 private:
  static std::string cell(const ScalarColumn& column, const Dictionary& dictionary,
                          const Buffer& raw, size_t block, size_t i) {
    const auto* u32 = reinterpret_cast<const uint32_t*>(raw.data());
    switch (data_use(column)) {
      case RunUse::kBitmap: return std::string(1, test_bit(raw, i) ? '\1' : '\0');
      case RunUse::kDictIndexes: return std::string(dictionary.words.at(u32[i]));
      case RunUse::kStrings: {
        const size_t text = 4 * (column.data.block_items(block) + 1);
        return std::string(raw.view().substr(text + u32[i], u32[i + 1] - u32[i]));
      }
      default: return std::string(raw.view().substr(8 * i, 8));
    }
  }
};

inline Result<BuiltSegment> build_columns(const std::vector<uint64_t>& anchors,
                                          const std::vector<Column>& columns) {
  std::vector<ScalarInput> inputs;
  for (size_t i = 0; i < columns.size(); ++i)
    inputs.push_back({FieldId{static_cast<uint32_t>(i + 1)}, &columns[i]});
  return build_scalar_segment(test_nonce(), anchors, inputs);
}

}  // namespace dreamdb::segment_testing
