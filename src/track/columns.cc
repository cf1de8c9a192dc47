#include "track/columns.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "runtime/thread_pool.h"

namespace dreamdb {

namespace {

Column like(const Column& column) {
  Column out;
  out.name = column.name;
  out.type = column.type;
  out.dtype = column.dtype;
  out.shape = column.shape;
  return out;
}

Buffer pick_fixed(const Column& column, std::span<const uint32_t> indexes, uint64_t width) {
  MutableBuffer values(indexes.size() * width);
  if (width > 0)
    parallel_ranges(indexes.size(), values.size(), [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i)
        std::memcpy(values.data() + i * width, column.values.data() + indexes[i] * width, width);
    });
  return std::move(values).freeze();
}

void pick_text(const Column& column, std::span<const uint32_t> indexes, Column& out) {
  MutableBuffer offsets((indexes.size() + 1) * 4);
  auto* o = reinterpret_cast<uint32_t*>(offsets.data());
  uint32_t size = 0;
  o[0] = 0;
  for (size_t i = 0; i < indexes.size(); ++i) {
    size += static_cast<uint32_t>(column.text(indexes[i]).size());
    o[i + 1] = size;
  }
  MutableBuffer values(size);
  for (size_t i = 0; i < indexes.size(); ++i) {
    const std::string_view text = column.text(indexes[i]);
    if (!text.empty()) std::memcpy(values.data() + o[i], text.data(), text.size());
  }
  out.offsets = std::move(offsets).freeze();
  out.values = std::move(values).freeze();
}

void concat_text(std::span<const Batch> batches, size_t c, size_t rows, Column& out) {
  MutableBuffer offsets((rows + 1) * 4);
  auto* o = reinterpret_cast<uint32_t*>(offsets.data());
  uint32_t size = 0;
  size_t row = 0;
  o[0] = 0;
  for (const Batch& batch : batches)
    for (size_t i = 0; i < batch.rows(); ++i) {
      size += static_cast<uint32_t>(batch.columns[c].text(i).size());
      o[++row] = size;
    }
  MutableBuffer values(size);
  row = 0;
  for (const Batch& batch : batches) {
    if (batch.rows() == 0) continue;
    const Column& column = batch.columns[c];
    const auto* from = reinterpret_cast<const uint32_t*>(column.offsets.data());
    const uint32_t bytes = from[batch.rows()] - from[0];
    if (bytes > 0) std::memcpy(values.data() + o[row], column.values.data() + from[0], bytes);
    row += batch.rows();
  }
  out.offsets = std::move(offsets).freeze();
  out.values = std::move(values).freeze();
}

void concat_fixed(std::span<const Batch> batches, size_t c, uint64_t width, size_t rows,
                  Column& out) {
  MutableBuffer values(rows * width);
  size_t at = 0;
  for (const Batch& batch : batches) {
    const size_t bytes = batch.rows() * width;
    if (bytes > 0) std::memcpy(values.data() + at, batch.columns[c].values.data(), bytes);
    at += bytes;
  }
  out.values = std::move(values).freeze();
}

Column concat_column(std::span<const Batch> batches, size_t c, size_t rows) {
  const Column& first = batches.front().columns[c];
  Column out = like(first);
  const bool all_valid = std::all_of(batches.begin(), batches.end(), [c](const Batch& batch) {
    return batch.columns[c].valid.empty();
  });
  if (!all_valid) {
    Bitmap valid(rows);
    size_t row = 0;
    for (const Batch& batch : batches)
      for (size_t i = 0; i < batch.rows(); ++i, ++row)
        if (batch.columns[c].is_valid(i)) valid.set(row);
    out.valid = std::move(valid).finish();
  }
  if (is_blob(first.type)) {
    for (const Batch& batch : batches)
      out.blobs.insert(out.blobs.end(), batch.columns[c].blobs.begin(),
                       batch.columns[c].blobs.end());
  } else if (is_string(first.type)) {
    concat_text(batches, c, rows, out);
  } else {
    concat_fixed(batches, c, value_bytes(first), rows, out);
  }
  return out;
}

}  // namespace

Bitmap::Bitmap(size_t rows, bool value) : rows_(rows), bits_((rows + 7) / 8, 0) {
  if (value) set_range(0, rows);
}

void Bitmap::set_range(size_t begin, size_t end) {
  for (; begin < end && begin % 8 != 0; ++begin) set(begin);
  for (; begin + 8 <= end; begin += 8) bits_[begin / 8] = 0xff;
  for (; begin < end; ++begin) set(begin);
}

size_t Bitmap::count() const {
  size_t n = 0;
  for (const uint8_t byte : bits_) n += static_cast<size_t>(std::popcount(byte));
  return n;
}

Buffer Bitmap::finish() && {
  if (count() == rows_) return {};
  return Buffer::copy_of(std::as_bytes(std::span(bits_)));
}

Column empty_column(const Field& field, size_t rows) {
  Column out;
  out.name = field.name;
  out.type = field.type;
  out.dtype = field.dtype;
  out.shape = field.shape;
  if (rows > 0) out.valid = std::move(Bitmap(rows)).finish();
  if (is_blob(field.type)) {
    out.blobs.resize(rows);
    return out;
  }
  const bool text = is_string(field.type);
  MutableBuffer zeros(text ? (rows + 1) * 4 : rows * value_bytes(out));
  if (zeros.size() > 0) std::memset(zeros.data(), 0, zeros.size());
  (text ? out.offsets : out.values) = std::move(zeros).freeze();
  return out;
}

uint64_t value_bytes(const Column& column) {
  switch (column.type) {
    case FieldType::kInt:
    case FieldType::kTimestamp:
    case FieldType::kFloat: return 8;
    case FieldType::kBool: return 1;
    case FieldType::kEmbedding:
    case FieldType::kArray: {
      uint64_t bytes = dtype_size_bytes(column.dtype);
      for (const uint64_t n : column.shape) bytes *= n;
      return bytes;
    }
    default: return 0;
  }
}

size_t valid_count(const Column& column, size_t rows) {
  if (column.valid.empty()) return rows;
  size_t n = 0;
  for (const std::byte b : column.valid.span().first((rows + 7) / 8))
    n += static_cast<size_t>(std::popcount(static_cast<uint8_t>(b)));
  return n;
}

Column slice_column(const Column& column, size_t begin, size_t count) {
  Column out = like(column);
  if (!column.valid.empty()) {
    Bitmap valid(count);
    for (size_t i = 0; i < count; ++i)
      if (column.is_valid(begin + i)) valid.set(i);
    out.valid = std::move(valid).finish();
  }
  if (is_blob(column.type)) {
    out.blobs.assign(column.blobs.begin() + static_cast<ptrdiff_t>(begin),
                     column.blobs.begin() + static_cast<ptrdiff_t>(begin + count));
  } else if (is_string(column.type)) {
    out.offsets = column.offsets.slice(begin * 4, (count + 1) * 4);
    out.values = column.values;
  } else {
    const uint64_t width = value_bytes(column);
    out.values = column.values.slice(begin * width, count * width);
  }
  return out;
}

Batch slice_batch(const Batch& batch, size_t begin, size_t count) {
  if (begin == 0 && count == batch.rows()) return batch;
  Batch out;
  out.anchors_bytes = batch.anchors_bytes.slice(begin * 8, count * 8);
  out.columns.reserve(batch.columns.size());
  for (const Column& column : batch.columns)
    out.columns.push_back(slice_column(column, begin, count));
  return out;
}

Batch concat_batches(std::span<const Batch> batches) {
  DREAMDB_ASSERT(!batches.empty());
  if (batches.size() == 1) return batches[0];
  size_t rows = 0;
  for (const Batch& batch : batches) rows += batch.rows();
  MutableBuffer anchors(rows * 8);
  size_t at = 0;
  for (const Batch& batch : batches) {
    if (batch.rows() > 0)
      std::memcpy(anchors.data() + at, batch.anchors_bytes.data(), batch.rows() * 8);
    at += batch.rows() * 8;
  }
  Batch out;
  out.anchors_bytes = std::move(anchors).freeze();
  for (size_t c = 0; c < batches[0].columns.size(); ++c)
    out.columns.push_back(concat_column(batches, c, rows));
  return out;
}

Column pick_rows(const Column& column, std::span<const uint32_t> indexes) {
  Column out = like(column);
  if (!column.valid.empty()) {
    Bitmap valid(indexes.size());
    for (size_t i = 0; i < indexes.size(); ++i)
      if (column.is_valid(indexes[i])) valid.set(i);
    out.valid = std::move(valid).finish();
  }
  if (is_blob(column.type)) {
    out.blobs.reserve(indexes.size());
    for (const uint32_t i : indexes) out.blobs.push_back(column.blobs[i]);
  } else if (is_string(column.type)) {
    pick_text(column, indexes, out);
  } else {
    out.values = pick_fixed(column, indexes, value_bytes(column));
  }
  return out;
}

Batch pick_rows(const Batch& batch, std::span<const uint32_t> indexes) {
  MutableBuffer anchors(indexes.size() * 8);
  for (size_t i = 0; i < indexes.size(); ++i)
    std::memcpy(anchors.data() + i * 8, batch.anchors_bytes.data() + indexes[i] * 8ull, 8);
  Batch out;
  out.anchors_bytes = std::move(anchors).freeze();
  for (const Column& column : batch.columns) out.columns.push_back(pick_rows(column, indexes));
  return out;
}

namespace {

Status check_text_bytes(const Column& column, uint64_t bytes) {
  if (bytes <= UINT32_MAX) return {};
  return fail(Code::kExhausted, "field `" + column.name + "`: " + std::to_string(bytes) +
                                    " bytes of text in one batch; read fewer rows at a time");
}

}  // namespace

Status check_texts(const Batch& batch, std::span<const uint32_t> indexes) {
  for (const Column& column : batch.columns) {
    if (!is_string(column.type)) continue;
    uint64_t bytes = 0;
    for (const uint32_t row : indexes) bytes += column.text(row).size();
    DREAMDB_TRY(check_text_bytes(column, bytes));
  }
  return {};
}

Status check_texts(std::span<const Batch> batches) {
  for (size_t c = 0; !batches.empty() && c < batches[0].columns.size(); ++c) {
    if (!is_string(batches[0].columns[c].type)) continue;
    uint64_t bytes = 0;
    for (const Batch& batch : batches) {
      const auto* o = reinterpret_cast<const uint32_t*>(batch.columns[c].offsets.data());
      bytes += o[batch.rows()] - o[0];
    }
    DREAMDB_TRY(check_text_bytes(batches[0].columns[c], bytes));
  }
  return {};
}

bool equal_values(const Column& left, size_t a, const Column& right, size_t b) {
  if (is_blob(left.type)) return left.blobs[a].view() == right.blobs[b].view();
  if (is_string(left.type)) return left.text(a) == right.text(b);
  const uint64_t width = value_bytes(left);
  return std::memcmp(left.values.data() + a * width, right.values.data() + b * width, width) == 0;
}

}  // namespace dreamdb
