#include "columns_in.h"

#include <algorithm>
#include <cstring>

#include "errors.h"

namespace dreamdb::python {

namespace {

size_t row_size(const Field& field) {
  switch (field.type) {
    case FieldType::kEmbedding:
    case FieldType::kArray: return field.row_bytes();
    case FieldType::kBool: return 1;
    case FieldType::kInt:
    case FieldType::kTimestamp:
    case FieldType::kFloat: return 8;
    default: return 0;  // of varying size: only as lists
  }
}

Column from_list(const Field& field, nb::handle list, size_t first_row) {
  auto builder = make_builder(field);
  for (nb::handle value : nb::borrow<nb::list>(list)) {
    if (value.is_none()) {
      builder->pad_to(builder->rows() + 1);
    } else {
      try {
        builder->append(nb::borrow(value));
      } catch (const nb::python_error& error) {
        raise_of_row(error, first_row + builder->rows());
      }
    }
  }
  return builder->finish();
}

Column from_array(const Field& field, nb::handle array, size_t rows) {
  const auto keeper = std::make_shared<Keeper>();
  Column column;
  column.name = field.name;
  column.type = field.type;
  column.dtype = field.dtype;
  column.shape = field.shape;
  column.values = Keeper::view_of(keeper, array);
  if (column.values.size() != rows * row_size(field)) {
    raise_invalid("field `" + field.name + "`: the column has " +
                  std::to_string(column.values.size()) + " bytes, expected " +
                  std::to_string(rows * row_size(field)));
  }
  return column;
}

// The bits [first, first + count) of a bitmap, moved to the front.
Buffer slice_bits(const Buffer& bits, size_t first, size_t count) {
  if (bits.empty()) return {};
  if (first % 8 == 0) return bits.slice(first / 8, (count + 7) / 8);
  MutableBuffer out((count + 7) / 8);
  std::memset(out.data(), 0, out.size());
  for (size_t i = 0; i < count; ++i) {
    const size_t from = first + i;
    if ((static_cast<uint8_t>(bits.data()[from / 8]) >> (from % 8) & 1u) != 0) {
      out.data()[i / 8] |= static_cast<std::byte>(1u << (i % 8));
    }
  }
  return std::move(out).freeze();
}

Column slice_column(const Column& column, size_t rows, size_t first, size_t count) {
  Column out = column;
  out.valid = slice_bits(column.valid, first, count);
  if (is_blob(column.type)) {
    out.blobs.assign(column.blobs.begin() + static_cast<ptrdiff_t>(first),
                     column.blobs.begin() + static_cast<ptrdiff_t>(first + count));
  } else if (is_string(column.type)) {
    // Offsets need not begin at 0 in our memory, but do in a Column.
    const auto* offsets = reinterpret_cast<const uint32_t*>(column.offsets.data()) + first;
    out.values = column.values.slice(offsets[0], offsets[count] - offsets[0]);
    MutableBuffer moved((count + 1) * sizeof(uint32_t));
    auto* target = reinterpret_cast<uint32_t*>(moved.data());
    for (size_t i = 0; i <= count; ++i) target[i] = offsets[i] - offsets[0];
    out.offsets = std::move(moved).freeze();
  } else {
    const size_t size = rows == 0 ? 0 : column.values.size() / rows;
    out.values = column.values.slice(first * size, count * size);
  }
  return out;
}

size_t size_of(const Column& column) {
  size_t size = column.values.size() + column.offsets.size();
  for (const Buffer& blob : column.blobs) size += blob.size();
  return size;
}

}  // namespace

NewRows columns_in(const Schema& schema, size_t rows, nb::handle anchors, const nb::dict& columns,
                   size_t first_row) {
  NewRows out;
  out.rows = rows;
  if (!anchors.is_none()) {
    out.anchors = Keeper::view_of(std::make_shared<Keeper>(), anchors);
    if (out.anchors->size() != rows * sizeof(uint64_t)) {
      raise_invalid("column `_anchor` has another length than the others");
    }
  }
  for (auto [name, values] : columns) {
    const Field* field = unwrap(schema.get(nb::cast<std::string>(name)));
    const bool is_list = PyList_Check(values.ptr()) != 0;
    if (!is_list && row_size(*field) == 0 && field->type != FieldType::kEmbedding &&
        field->type != FieldType::kArray) {
      raise_type("field `" + field->name + "`: a column of this type is a list");
    }
    Column column =
        is_list ? from_list(*field, values, first_row) : from_array(*field, values, rows);
    if (is_list && nb::len(values) != rows) {
      raise_invalid("field `" + field->name + "`: the column changed while it was read");
    }
    out.columns.push_back(std::move(column));
  }
  return out;
}

NewRows slice_rows(const NewRows& rows, size_t first, size_t count) {
  NewRows out;
  out.rows = count;
  if (rows.anchors) out.anchors = rows.anchors->slice(first * 8, count * 8);
  for (const Column& column : rows.columns) {
    out.columns.push_back(slice_column(column, rows.rows, first, count));
  }
  return out;
}

size_t rows_per_piece(const NewRows& rows, size_t piece_bytes, size_t piece_rows) {
  if (rows.rows == 0) return 1;
  size_t size = 8 * rows.rows;
  for (const Column& column : rows.columns) size += size_of(column);
  // A multiple of 8, so that bitmaps are cut at bytes.
  const size_t count = piece_bytes / std::max<size_t>(size / rows.rows, 1);
  const size_t most = (std::min(piece_rows, rows.rows) + 7) / 8 * 8;
  return std::min(std::max<size_t>(count / 8 * 8, 8), most);
}

NewRows copy_rows(const NewRows& rows) {
  NewRows out = rows;
  if (out.anchors) out.anchors = Buffer::copy_of(out.anchors->span());
  for (Column& column : out.columns) {
    // Blobs are immutable `bytes`, texts and validity are ours already.
    if (!is_blob(column.type) && column.offsets.empty()) {
      column.values = Buffer::copy_of(column.values.span());
    }
  }
  return out;
}

}  // namespace dreamdb::python
