// Builds segments of scalar columns (spec 7.3).
#include <bit>
#include <cstring>

#include "base/checked.h"
#include "format/segment_strings.h"
#include "format/segment_writer.h"

namespace dreamdb {
namespace {

// Columns of numbers are used in place when they are raw: a codec must save at least a quarter.
bool pays(uint64_t stored, uint64_t raw) { return stored * 4 <= raw * 3; }

// The validity of a column as the segment keeps it, and how many rows have a value.
struct Validity {
  Buffer bitmap;  // empty: all
  uint64_t present = 0;
};

Validity read_validity(const Column& column, uint64_t rows) {
  if (column.valid.empty()) return {{}, rows};
  const uint64_t size = ceil_div(rows, 8);
  MutableBuffer bits(size);
  std::memcpy(bits.data(), column.valid.data(), size);
  if (rows % 8 != 0) bits.data()[size - 1] &= static_cast<std::byte>((1u << (rows % 8)) - 1);
  uint64_t present = 0;
  for (const std::byte byte : bits.span())
    present += static_cast<uint64_t>(std::popcount(std::to_integer<uint8_t>(byte)));
  if (present == rows) return {{}, rows};
  return {std::move(bits).freeze(), present};
}

// 8-byte values with zeros where there is no value; the column's own memory if all are there.
Buffer blank_nulls(const Column& column, const Validity& validity, uint64_t rows) {
  if (validity.bitmap.empty()) return column.values;
  MutableBuffer values(column.values.size());
  std::memcpy(values.data(), column.values.data(), values.size());
  for (uint64_t row = 0; row < rows; ++row)
    if (!column.is_valid(row)) std::memset(values.data() + 8 * row, 0, 8);
  return std::move(values).freeze();
}

// A bitmap whose blocks lie one after the other, so that all of it is one range.
RunDraft bitmap_run(Buffer bits, uint64_t rows) {
  RunDraft draft = raw_run(bits.span(), bits.size(), kScalarRowsPerBlock / 8, 1);
  draft.run.items = rows;
  draft.run.per = kScalarRowsPerBlock;
  draft.kept.push_back(std::move(bits));
  return draft;
}

Buffer pack_bools(const Column& column, uint64_t rows) {
  MutableBuffer bits(ceil_div(rows, 8));
  std::memset(bits.data(), 0, bits.size());
  for (uint64_t row = 0; row < rows; ++row)
    if (column.values.data()[row] != std::byte{0} && column.is_valid(row))
      bits.data()[row / 8] |= static_cast<std::byte>(1u << (row % 8));
  return std::move(bits).freeze();
}

// int and timestamp (kI64): frame of reference where it pays. float (kBytes): zstd where it does;
// the first block decides whether to try, since zstd on random floats costs time for nothing.
RunDraft number_run(Buffer values, uint64_t rows, Item item) {
  constexpr uint64_t kBlockBytes = kScalarRowsPerBlock * 8;
  RunDraft encoded = empty_run(rows, kScalarRowsPerBlock);
  bool worth = true;
  for (uint64_t at = 0; at < values.size() && worth; at += kBlockBytes) {
    const uint64_t size = std::min<uint64_t>(kBlockBytes, values.size() - at);
    Encoded block = encode_block(item, values.slice(at, size), item == Item::kBytes);
    if (at == 0 && item == Item::kBytes) worth = pays(block.stored.size(), size);
    add_block(encoded, std::move(block), size);
  }
  if (worth && pays(encoded.stored_bytes(), values.size())) return encoded;
  RunDraft raw = raw_run(values.span(), rows, kScalarRowsPerBlock, 8);
  raw.kept.push_back(std::move(values));
  return raw;
}

Status check_input(const ScalarInput& input, uint64_t rows) {
  const Column& column = *input.column;
  const auto wrong = [&](std::string_view part, uint64_t found, uint64_t expected) {
    return bad_input("column `" + column.name + "`: " + std::string(part) + " has " +
                     std::to_string(found) + " bytes, expected " + std::to_string(expected) +
                     " for " + std::to_string(rows) + " rows of " +
                     std::string(type_name(column.type)));
  };
  if (!is_scalar(column.type))
    return bad_input("column `" + column.name + "` has the type " +
                     std::string(type_name(column.type)) + ", expected a scalar type");
  if (!column.valid.empty() && column.valid.size() < ceil_div(rows, 8))
    return wrong("`valid`", column.valid.size(), ceil_div(rows, 8));
  if (is_string(column.type)) {
    if (column.offsets.size() != 4 * (rows + 1))
      return wrong("`offsets`", column.offsets.size(), 4 * (rows + 1));
    return check_strings(column, rows);
  }
  const uint64_t expected = column.type == FieldType::kBool ? rows : 8 * rows;
  if (column.values.size() != expected) return wrong("`values`", column.values.size(), expected);
  if (column.type == FieldType::kBool)
    for (const std::byte value : column.values.span())
      if (value > std::byte{1})
        return bad_input("column `" + column.name + "` holds a bool that is neither 0 nor 1");
  return {};
}

Status add_column(SegmentDraft& draft, const ScalarInput& input) {
  const Column& column = *input.column;
  const uint64_t rows = draft.rows();
  DREAMDB_TRY(check_input(input, rows));
  const Validity validity = read_validity(column, rows);
  if (validity.present == 0) return {};
  ScalarColumn out;
  out.field = input.field;
  out.type = column.type;
  if (!validity.bitmap.empty()) out.valid = draft.add(bitmap_run(validity.bitmap, rows));
  switch (column.type) {
    case FieldType::kBool: out.data = draft.add(bitmap_run(pack_bools(column, rows), rows)); break;
    case FieldType::kFloat:
      out.data = draft.add(number_run(blank_nulls(column, validity, rows), rows, Item::kBytes));
      break;
    case FieldType::kString:
    case FieldType::kCategorical: {
      DREAMDB_ASSIGN(StringRuns runs, string_runs(column, rows));
      if (runs.dict) out.dict = draft.add(*std::move(runs.dict));
      out.data = draft.add(std::move(runs.data));
      break;
    }
    default:
      out.data = draft.add(number_run(blank_nulls(column, validity, rows), rows, Item::kI64));
  }
  draft.segment().stats[input.field] = compute_stats(column);
  draft.segment().columns.push_back(std::move(out));
  return {};
}

}  // namespace

Result<BuiltSegment> build_scalar_segment(const Nonce& nonce, std::span<const uint64_t> anchors,
                                          std::span<const ScalarInput> columns) {
  DREAMDB_ASSIGN(SegmentDraft draft,
                 SegmentDraft::start(nonce, SegmentType::kScalar, kRecordTrack, anchors));
  FieldId last = kRecordTrack;
  for (const ScalarInput& input : columns) {
    if (!(last < input.field))
      return bad_input("columns do not stand in ascending order of field ids from 1");
    last = input.field;
    DREAMDB_TRY(add_column(draft, input));
  }
  widen_stats_to_fit(draft.segment().stats);
  return std::move(draft).assemble();
}

}  // namespace dreamdb
