// What the parts of a footer must say of each other (spec 7.2 to 7.5).
#include <algorithm>
#include <functional>

#include "base/checked.h"
#include "format/limits.h"
#include "format/segment_runs.h"

namespace dreamdb {
namespace {

std::string number(FieldId field) { return std::to_string(static_cast<uint32_t>(field)); }

Status check_anchors(Segment& segment) {
  if (segment.anchors)
    return check_run_use(*segment.anchors, "anchors", RunUse::kAnchors, segment.rows);
  const auto span = checked_mul(segment.step, segment.rows - 1);
  const auto last = span ? checked_add(segment.first, *span) : std::nullopt;
  if (last && *last != UINT64_MAX) return {};
  return footer_bad("anchors from " + std::to_string(segment.first) + " in steps of " +
                    std::to_string(segment.step) + " for " + std::to_string(segment.rows) +
                    " rows exceed 2^64-2");
}

bool bound_fits(const Bound& bound, FieldType type) {
  if (std::holds_alternative<std::monostate>(bound)) return true;
  switch (type) {
    case FieldType::kBool: return std::holds_alternative<bool>(bound);
    case FieldType::kFloat: return std::holds_alternative<double>(bound);
    case FieldType::kString:
    case FieldType::kCategorical: return std::holds_alternative<std::string>(bound);
    default: return std::holds_alternative<int64_t>(bound);
  }
}

// Later code trusts that the statistics of a column have the type of the column.
Status check_stats(const ScalarColumn& column, const Stats& stats, uint64_t rows) {
  const auto found = stats.find(column.field);
  if (found == stats.end())
    return footer_bad("column " + number(column.field) + " has no statistics");
  const ColumnStats& s = found->second;
  const bool counted = s.present >= 1 && s.present <= rows && (column.valid || s.present == rows);
  if (!counted)
    return footer_bad("the statistics of column " + number(column.field) + " count " +
                      std::to_string(s.present) + " values in " + std::to_string(rows) + " rows");
  if (!bound_fits(s.min, column.type) || !bound_fits(s.max, column.type) ||
      s.is_float != (column.type == FieldType::kFloat) || (s.distinct && !is_string(column.type)))
    return footer_bad("the statistics of column " + number(column.field) + " do not fit its type " +
                      std::string(type_name(column.type)));
  return {};
}

Status check_column(const ScalarColumn& column, const Segment& segment) {
  const std::string name = "column " + number(column.field) + " ";
  if (!is_scalar(column.type))
    return footer_bad(name + "has the type `" + std::string(type_name(column.type)) +
                      "`, expected a scalar type");
  if (column.dict && !is_string(column.type))
    return footer_bad(name + "of type `" + std::string(type_name(column.type)) +
                      "` has a dictionary");
  if (column.valid)
    DREAMDB_TRY(check_run_use(*column.valid, name + "valid", RunUse::kBitmap, segment.rows));
  if (column.dict)
    DREAMDB_TRY(check_run_use(*column.dict, name + "dict", RunUse::kDict, column.dict->items));
  DREAMDB_TRY(check_run_use(column.data, name + "data", data_use(column), segment.rows));
  return check_stats(column, segment.stats, segment.rows);
}

Status check_scalar(const Segment& segment) {
  if (segment.stats.size() != segment.columns.size())
    return footer_bad(std::to_string(segment.stats.size()) + " statistics for " +
                      std::to_string(segment.columns.size()) + " columns");
  for (const ScalarColumn& column : segment.columns) DREAMDB_TRY(check_column(column, segment));
  return {};
}

Status check_blob(const Segment& segment) {
  const uint64_t distinct = segment.payloads.items;
  if (distinct == 0 || distinct > segment.rows || (!segment.index && distinct != segment.rows))
    return footer_bad(std::to_string(distinct) + " payloads for " + std::to_string(segment.rows) +
                      " rows " + (segment.index ? "with" : "without") + " an index");
  DREAMDB_TRY(check_run_use(segment.payloads, "payloads", RunUse::kPayloads, distinct));
  if (!segment.index) return {};
  return check_run_use(*segment.index, "index", RunUse::kIndex, segment.rows);
}

Status check_matrix(Segment& segment) {
  const auto row_bytes = matrix_row_bytes(segment.dtype, segment.shape);
  if (!row_bytes) return footer_bad("a row exceeds 1 GiB or 32 dimensions");
  segment.row_bytes = *row_bytes;
  return check_run_use(segment.data, "data", RunUse::kMatrix, *row_bytes == 0 ? 0 : segment.rows,
                       *row_bytes);
}

// Cells and the rows behind them ascend, and the last of these is the last of all (S12.5).
Status check_directory(const CodeParts& codes, uint64_t rows) {
  const auto ascending = [](const std::vector<uint32_t>& values) {
    return std::ranges::adjacent_find(values, std::greater_equal<>()) == values.end();
  };
  if (codes.cells.empty() || codes.cells.size() != codes.ends.size() || !ascending(codes.cells) ||
      !ascending(codes.ends) || codes.ends.front() == 0 || codes.ends.back() != rows)
    return footer_bad("the directory of " + std::to_string(codes.cells.size()) + " cells and " +
                      std::to_string(codes.ends.size()) + " ends does not ascend to " +
                      std::to_string(rows) + " rows (S12.5)");
  return {};
}

Status check_codes(const CodeParts& codes, uint64_t rows) {
  DREAMDB_TRY(check_code_shape(codes.dim, codes.bits));
  DREAMDB_TRY(check_directory(codes, rows));
  DREAMDB_TRY(check_run_use(codes.codes, "codes", RunUse::kCodes, rows, code_row_bytes(codes.dim)));
  if (codes.extra.has_value() != (codes.bits > 1))
    return footer_bad("codes of " + std::to_string(codes.bits) + " bits " +
                      (codes.extra ? "with" : "without") + " an `extra` run");
  if (!codes.extra) return {};
  return check_run_use(*codes.extra, "extra", RunUse::kCodes, rows,
                       extra_row_bytes(codes.dim, codes.bits));
}

// S7.2: aligned (parse_run), in order, apart from each other, before the footer.
Status check_places(const Segment& segment, uint64_t footer_size) {
  if (segment.end < kSegmentHeaderBytes || segment.end % kRunAlignment != 0 ||
      segment.end > kSegmentBytesMax - kSegmentTrailerBytes - footer_size)
    return footer_bad("`end` is " + std::to_string(segment.end) +
                      ", expected a multiple of 64 from 64 on, in an object of at most 4 GiB");
  uint64_t free = kSegmentHeaderBytes;
  for (const NamedRun& named : list_runs(segment)) {
    if (named.run->at < free || named.run->end() > segment.end)
      return footer_bad("run `" + named.name + "` stands at [" + std::to_string(named.run->at) +
                        ", " + std::to_string(named.run->end()) + "), expected it within [" +
                        std::to_string(free) + ", " + std::to_string(segment.end) + "]");
    free = named.run->end();
  }
  return {};
}

}  // namespace

Status check_segment(Segment& segment, uint64_t footer_size) {
  if (segment.type != SegmentType::kSpatial &&
      (segment.rows == 0 || segment.rows > kSegmentRowsMax))
    return footer_bad(std::to_string(segment.rows) + " rows, expected 1 to 2^24");
  if ((segment.field == kRecordTrack) != (segment.type == SegmentType::kScalar))
    return footer_bad("a " + std::string(segment_type_name(segment.type)) + " segment of field " +
                      number(segment.field) +
                      "; scalar segments have field 0, others none below 1");
  if (has_anchors(segment.type)) DREAMDB_TRY(check_anchors(segment));
  switch (segment.type) {
    case SegmentType::kScalar: DREAMDB_TRY(check_scalar(segment)); break;
    case SegmentType::kBlob: DREAMDB_TRY(check_blob(segment)); break;
    case SegmentType::kMatrix: DREAMDB_TRY(check_matrix(segment)); break;
    case SegmentType::kCodes: DREAMDB_TRY(check_codes(*segment.codes, segment.rows)); break;
    case SegmentType::kSpatial: DREAMDB_TRY(check_spatial(*segment.spatial)); break;
  }
  return check_places(segment, footer_size);
}

Status check_code_shape(uint64_t dim, uint64_t bits) {
  if (dim > 0 && dim <= kEmbeddingDimMax && bits > 0 && bits <= kCodeBits) return {};
  return footer_bad("codes of " + std::to_string(dim) + " dimensions and " + std::to_string(bits) +
                    " bits, expected 1 to 65,536 and 1 to 8");
}

}  // namespace dreamdb
