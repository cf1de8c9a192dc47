#include "dataset/rows.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "codec/utf8.h"
#include "simd/simd.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

constexpr uint64_t kTextBytesMax = 64ull << 20;
constexpr uint64_t kStringBytesMax = 1ull << 20;
constexpr uint64_t kBlobBytesMax = 1ull << 30;

std::unexpected<Error> bad(const Field& field, const std::string& what) {
  return fail(Code::kInvalidArgument, "field `" + field.name + "`: " + what);
}

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string out = "(";
  for (size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return out + (shape.size() == 1 ? ",)" : ")");
}

Status check_embedding(const Field& field, const Column& column, const NewRows& given) {
  const uint64_t dim = field.shape[0];
  const bool half = field.dtype == Dtype::kF16;
  const auto* f32 = column.as<float>();
  const auto* f16 = column.as<uint16_t>();
  const bool cosine = field.algorithm.ends_with("cosine");
  for (size_t i = 0; i < given.rows; ++i) {
    if (!column.is_valid(i)) continue;
    if (!(half ? simd::all_finite_f16(f16 + i * dim, dim)
               : simd::all_finite_f32(f32 + i * dim, dim)))
      return bad(field, "input vector contains NaN or infinity (" + row_name(given, i) +
                            "); leave the field out of that row or mend the vector");
    if (cosine && !(half ? simd::any_nonzero_f16(f16 + i * dim, dim)
                         : simd::any_nonzero_f32(f32 + i * dim, dim)))
      return bad(field, "vector norm is zero (cannot normalize) (" + row_name(given, i) + "); " +
                            field.algorithm + " has no direction for it");
  }
  return {};
}

Status check_matrix(const Field& field, const Column& column, const NewRows& given) {
  const size_t rows = given.rows;
  if (column.dtype != field.dtype)
    return bad(field, "dtype " + std::string(dtype_name(column.dtype)) + " where the schema says " +
                          std::string(dtype_name(field.dtype)));
  if (column.shape != field.shape) {
    if (field.type == FieldType::kEmbedding && column.shape.size() == 1)
      return bad(field, "vector dim " + std::to_string(column.shape[0]) + " != schema dim " +
                            std::to_string(field.shape[0]));
    return bad(field, "typed array shape " + shape_text(column.shape) + " != declared shape " +
                          shape_text(field.shape));
  }
  if (column.values.size() != rows * field.row_bytes())
    return bad(field, std::to_string(column.values.size()) + " bytes for " + std::to_string(rows) +
                          " rows of " + std::to_string(field.row_bytes()) + " bytes");
  if (field.type == FieldType::kEmbedding) return check_embedding(field, column, given);
  if (field.dtype == Dtype::kBool)
    for (const std::byte b : column.values.span())
      if (b > std::byte{1}) return bad(field, "a bool element is neither 0 nor 1");
  return {};
}

Status check_text(const Field& field, const Column& column, const NewRows& given) {
  const size_t rows = given.rows;
  if (column.offsets.size() != (rows + 1) * 4)
    return bad(field, "offsets for " + std::to_string(column.offsets.size() / 4) +
                          " places where " + std::to_string(rows) + " rows need " +
                          std::to_string(rows + 1));
  const auto* o = reinterpret_cast<const uint32_t*>(column.offsets.data());
  for (size_t i = 0; i < rows; ++i) {
    if (o[i + 1] < o[i] || o[i + 1] > column.values.size())
      return bad(field, "offsets do not ascend within the values (" + row_name(given, i) + ")");
    const std::string_view text = column.text(i);
    if (text.size() > kStringBytesMax)
      return bad(field, "string of " + std::to_string(text.size()) + " bytes in " +
                            row_name(given, i) +
                            "; at most 1 MiB, longer ones are for a text "
                            "field");
    if (!is_utf8(text)) return bad(field, row_name(given, i) + " is not valid UTF-8");
  }
  return {};
}

Status check_blobs(const Field& field, const Column& column, const NewRows& given) {
  const size_t rows = given.rows;
  if (column.blobs.size() != rows)
    return bad(field, std::to_string(column.blobs.size()) + " values for " + std::to_string(rows) +
                          " rows");
  const bool text = field.type == FieldType::kText;
  const uint64_t max = text ? kTextBytesMax : kBlobBytesMax;
  for (size_t i = 0; i < rows; ++i) {
    if (!column.is_valid(i)) continue;
    const Buffer& blob = column.blobs[i];
    if (blob.size() > max)
      return bad(field, "value of " + std::to_string(blob.size()) + " bytes in " +
                            row_name(given, i) + "; at most " + std::to_string(max));
    if (text && !is_utf8(blob.view()))
      return bad(field, row_name(given, i) + " is not valid UTF-8; use a blob field");
  }
  return {};
}

Status check_column(const Field& field, const Column& column, const NewRows& given) {
  const size_t rows = given.rows;
  if (column.type != field.type)
    return bad(field, "values of type " + std::string(type_name(column.type)) +
                          " where the schema says " + std::string(type_name(field.type)));
  if (!column.valid.empty() && column.valid.size() < (rows + 7) / 8)
    return bad(field, "the validity bitmap is too short for " + std::to_string(rows) + " rows");
  if (is_matrix(field.type)) return check_matrix(field, column, given);
  if (is_blob(field.type)) return check_blobs(field, column, given);
  if (is_string(field.type)) return check_text(field, column, given);
  if (column.values.size() != rows * value_bytes(column))
    return bad(field, std::to_string(column.values.size()) + " bytes for " + std::to_string(rows) +
                          " values of " + std::to_string(value_bytes(column)) + " bytes");
  if (field.type == FieldType::kBool)
    for (const std::byte b : column.values.span())
      if (b > std::byte{1}) return bad(field, "a bool is neither 0 nor 1");
  return {};
}

}  // namespace

std::string row_name(const NewRows& rows, size_t row) {
  return rows.name_of_row ? rows.name_of_row(row) : "row " + std::to_string(row);
}

uint64_t rows_bytes(const NewRows& rows) {
  uint64_t bytes = 0;
  for (const Column& column : rows.columns) {
    bytes += column.values.size() + column.offsets.size() + column.valid.size();
    for (const Buffer& blob : column.blobs) bytes += blob.size();
  }
  return bytes;
}

Status check_columns(const NewRows& rows, const Schema& schema) {
  if (rows.anchors && rows.anchors->size() != rows.rows * 8)
    return fail(Code::kInvalidArgument,
                "field `_anchor`: " + std::to_string(rows.anchors->size() / 8) + " anchors for " +
                    std::to_string(rows.rows) + " rows");
  std::vector<const Field*> seen;
  for (const Column& column : rows.columns) {
    DREAMDB_ASSIGN(const Field* field, schema.get(column.name));
    if (std::find(seen.begin(), seen.end(), field) != seen.end()) return bad(*field, "given twice");
    seen.push_back(field);
    DREAMDB_TRY(check_column(*field, column, rows));
  }
  return {};
}

Result<SortedRows> sort_rows(NewRows rows, const Schema& schema) {
  constexpr size_t kRowsMax = UINT32_MAX;  // positions of a batch are 32-bit
  if (rows.rows > kRowsMax)
    return fail(Code::kInvalidArgument, std::to_string(rows.rows) +
                                            " rows in one append; give at most " +
                                            std::to_string(kRowsMax) + " at a time");
  DREAMDB_TRY(check_columns(rows, schema));
  SortedRows out;
  out.batch.anchors_bytes = *std::move(rows.anchors);
  std::sort(rows.columns.begin(), rows.columns.end(), [&](const Column& a, const Column& b) {
    return schema.find(a.name)->id < schema.find(b.name)->id;
  });
  for (const Column& column : rows.columns) out.fields.push_back(schema.find(column.name));
  out.batch.columns = std::move(rows.columns);
  const std::span<const uint64_t> anchors = out.anchors();
  if (!std::is_sorted(anchors.begin(), anchors.end())) {
    std::vector<uint32_t> order(anchors.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return anchors[a] < anchors[b]; });
    out.batch = pick_rows(out.batch, order);
  }
  const std::span<const uint64_t> sorted = out.anchors();
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    return fail(Code::kInvalidArgument, "field `_anchor`: anchor " + std::to_string(*twice) +
                                            " stands twice in one append");
  if (!sorted.empty() && sorted.back() > kAnchorMax)
    return fail(Code::kInvalidArgument,
                "field `_anchor`: 18446744073709551615 is not an anchor; "
                "the largest is 18446744073709551614");
  return out;
}

}  // namespace dreamdb
