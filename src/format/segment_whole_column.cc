// Checks one column of a whole segment: blank rows and statistics (spec 7.3, S6.5, S7.7).
#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "format/segment_runs.h"

namespace dreamdb {
namespace {

bool bit_at(const Buffer& bitmap, size_t i) {
  return ((std::to_integer<unsigned>(bitmap.data()[i / 8]) >> (i % 8)) & 1u) != 0;
}

bool is_zero(const Buffer& data, size_t from, size_t size) {
  return std::all_of(data.data() + from, data.data() + from + size,
                     [](std::byte b) { return b == std::byte{0}; });
}

// Whether a row of a raw data block is what a row without a value must be.
bool is_blank(RunUse use, const Buffer& data, size_t row) {
  switch (use) {
    case RunUse::kBitmap: return !bit_at(data, row);
    case RunUse::kDictIndexes: return is_zero(data, 4 * row, 4);
    case RunUse::kStrings:
      return std::memcmp(data.data() + 4 * row, data.data() + 4 * (row + 1), 4) == 0;
    default: return is_zero(data, 8 * row, 8);
  }
}

Buffer unpack_bools(const Buffer& bitmap, uint64_t rows) {
  MutableBuffer values(rows);
  for (size_t i = 0; i < rows; ++i) values.data()[i] = static_cast<std::byte>(bit_at(bitmap, i));
  return std::move(values).freeze();
}

// A block of a column without dictionary as the column that was put in.
Column column_of_block(FieldType type, RunUse use, const Buffer& data, const Buffer& valid,
                       uint64_t rows) {
  Column column;
  column.type = type;
  column.valid = valid;
  column.values = data;
  if (use == RunUse::kBitmap) column.values = unpack_bools(data, rows);
  if (use == RunUse::kStrings) {
    const size_t table = 4 * (rows + 1);
    column.offsets = data.slice(0, table);
    column.values = data.slice(table, data.size() - table);
  }
  return column;
}

// The words that some row has, as a column of their own: it has the bounds of the whole.
Column column_of_words(FieldType type, const Dictionary& dictionary,
                       const std::vector<bool>& used) {
  std::string text;
  std::vector<uint32_t> offsets = {0};
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) continue;
    text += dictionary.words[i];
    offsets.push_back(static_cast<uint32_t>(text.size()));
  }
  Column column;
  column.type = type;
  column.values = Buffer::adopt(std::move(text));
  column.offsets = Buffer::copy_of(std::as_bytes(std::span(offsets)));
  return column;
}

void mark_used(const Buffer& indexes, const Buffer& valid, std::vector<bool>& used) {
  for (size_t row = 0; row < indexes.size() / 4; ++row) {
    if (!valid.empty() && !bit_at(valid, row)) continue;
    uint32_t index;
    std::memcpy(&index, indexes.data() + 4 * row, sizeof index);
    used[index] = true;
  }
}

bool is_above(const Bound& found, const Bound& truth) {
  return found.index() != 0 && (truth.index() == 0 || found > truth);
}

bool is_below(const Bound& found, const Bound& truth) {
  return found.index() != 0 && (truth.index() == 0 || found < truth);
}

// Whether statistics are as wide as the truth or wider, and count the same.
bool covers(const ColumnStats& found, const ColumnStats& truth) {
  if (found.present != truth.present || (truth.has_nan && !found.has_nan)) return false;
  const bool only_nan = truth.is_float && truth.min.index() == 0;
  if (!only_nan && (is_above(found.min, truth.min) || is_below(found.max, truth.max))) return false;
  if (!found.distinct) return true;
  return truth.distinct && std::ranges::includes(*found.distinct, *truth.distinct);
}

}  // namespace

Status check_whole_column(std::span<const std::byte> object, const Segment& segment,
                          const ScalarColumn& column) {
  const RunUse use = data_use(column);
  const std::string name = "column " + std::to_string(static_cast<uint32_t>(column.field));
  Dictionary dictionary;
  if (column.dict) {
    DREAMDB_ASSIGN(dictionary,
                   decode_dictionary(segment, column, borrow_block(object, *column.dict, 0)));
  }
  std::vector<bool> used(dictionary.words.size());
  Stats truth;
  uint64_t present = 0;
  for (size_t block = 0; block < column.data.blocks(); ++block) {
    const uint64_t rows = column.data.block_items(block);
    DREAMDB_ASSIGN(const Buffer data,
                   decode_scalar(segment, column, block, borrow_block(object, column.data, block)));
    Buffer valid;
    if (column.valid) {
      DREAMDB_ASSIGN(
          valid, decode_valid(segment, column, block, borrow_block(object, *column.valid, block)));
    }
    for (size_t row = 0; row < rows; ++row) {
      if (valid.empty() || bit_at(valid, row)) {
        ++present;
      } else if (!is_blank(use, data, row)) {
        return segment_corrupt(segment.address, name + " row " +
                                                    std::to_string(block * column.data.per + row) +
                                                    " has no value but is not blank");
      }
    }
    if (column.dict) {
      mark_used(data, valid, used);
    } else {
      const Column part = column_of_block(column.type, use, data, valid, rows);
      merge_stats(truth, {{column.field, compute_stats(part)}});
    }
  }
  if (column.dict) {
    truth[column.field] = compute_stats(column_of_words(column.type, dictionary, used));
    truth[column.field].present = present;
  }
  if (present > 0 && covers(segment.stats.at(column.field), truth[column.field])) return {};
  return segment_corrupt(segment.address, name + " has " + std::to_string(present) +
                                              " values, and its statistics are not true of them");
}

}  // namespace dreamdb
