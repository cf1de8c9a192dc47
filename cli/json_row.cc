// Values as text, written straight into one string.
#include "cli/json_row.h"

#include <cmath>
#include <cstring>

#include "cli/base64.h"
#include "cli/half.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/time_text.h"
#include "codec/address.h"
#include "codec/utf8.h"

namespace dreamdb::cli {

namespace {

template <typename T>
T element(const std::byte* row, size_t index) {
  T value;
  std::memcpy(&value, row + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void append_float(std::string& out, T value) {
  std::string text;
  if constexpr (std::is_same_v<T, float>) {
    text = short_float(value);
  } else {
    text = short_double(value);
  }
  if (text == "-0") text = "-0.0";  // as an integer it would lose its sign
  out += std::isfinite(value) ? text : "\"" + text + "\"";
}

void append_element(std::string& out, const std::byte* row, size_t i, Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool: out += element<uint8_t>(row, i) != 0 ? "true" : "false"; return;
    case Dtype::kI8: out += std::to_string(element<int8_t>(row, i)); return;
    case Dtype::kI16: out += std::to_string(element<int16_t>(row, i)); return;
    case Dtype::kI32: out += std::to_string(element<int32_t>(row, i)); return;
    case Dtype::kI64: out += std::to_string(element<int64_t>(row, i)); return;
    case Dtype::kU8: out += std::to_string(element<uint8_t>(row, i)); return;
    case Dtype::kU16: out += std::to_string(element<uint16_t>(row, i)); return;
    case Dtype::kU32: out += std::to_string(element<uint32_t>(row, i)); return;
    case Dtype::kU64: out += std::to_string(element<uint64_t>(row, i)); return;
    case Dtype::kF16:
      append_float(out, static_cast<float>(half_to_double(element<uint16_t>(row, i))));
      return;
    case Dtype::kBf16:
      append_float(out, static_cast<float>(bf16_to_double(element<uint16_t>(row, i))));
      return;
    case Dtype::kF32: append_float(out, element<float>(row, i)); return;
    case Dtype::kF64: append_float(out, element<double>(row, i)); return;
  }
}

// Nested lists by `shape` from `dimension` on; `index` counts the elements. At most 32 deep.
void append_nested(std::string& out, const std::byte* row, const Column& column, size_t dimension,
                   size_t& index) {
  if (dimension == column.shape.size()) return append_element(out, row, index++, column.dtype);
  out += '[';
  for (uint64_t i = 0; i < column.shape[dimension]; ++i) {
    if (i != 0) out += ',';
    append_nested(out, row, column, dimension + 1, index);
  }
  out += ']';
}

size_t matrix_row_bytes(const Column& column) {
  size_t bytes = dtype_size_bytes(column.dtype);
  for (const uint64_t size : column.shape) bytes *= size;
  return bytes;
}

void append_matrix(std::string& out, const Column& column, size_t row) {
  size_t index = 0;
  append_nested(out, column.values.data() + row * matrix_row_bytes(column), column, 0, index);
}

void append_blob(std::string& out, const Column& column, size_t row, BlobForm form) {
  const Buffer& blob = column.blobs[row];
  if (column.type == FieldType::kText && is_utf8(blob.view())) {
    out += json_quoted(blob.view());
  } else if (form == BlobForm::kBytes || column.type == FieldType::kText) {
    out += "{\"base64\":\"" + base64_encode(blob.view()) + "\"}";
  } else {
    out += "{\"size\":" + std::to_string(blob.size()) + ",\"blake3\":\"" + blake3_hex(blob) + "\"}";
  }
}

std::string shape_text(const Column& column) {
  std::string text(dtype_name(column.dtype));
  text += "[";
  for (size_t i = 0; i < column.shape.size(); ++i) {
    text += (i == 0 ? "" : "x") + std::to_string(column.shape[i]);
  }
  return text + "] ";
}

}  // namespace

std::string blake3_hex(const Buffer& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : blake3(bytes.span())) {
    out += kDigits[static_cast<uint8_t>(byte) >> 4];
    out += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return out;
}

std::string scalar_json(const Scalar& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return json_quoted(*text);
  if (const auto* number = std::get_if<double>(&value)) {
    std::string out;
    append_float(out, *number);
    return out;
  }
  return "null";
}

void append_value(std::string& out, const Column& column, size_t row, BlobForm form) {
  if (!column.is_valid(row)) {
    out += "null";
    return;
  }
  if (is_blob(column.type)) return append_blob(out, column, row, form);
  if (is_matrix(column.type)) return append_matrix(out, column, row);
  switch (column.type) {
    case FieldType::kBool: out += column.as<uint8_t>()[row] != 0 ? "true" : "false"; return;
    case FieldType::kInt:
    case FieldType::kTimestamp: out += std::to_string(column.as<int64_t>()[row]); return;
    case FieldType::kFloat: append_float(out, column.as<double>()[row]); return;
    default: out += json_quoted(column.text(row)); return;
  }
}

void append_row(std::string& out, const Batch& batch, size_t row, BlobForm form,
                std::string_view extra) {
  out += "{\"_anchor\":" + std::to_string(batch.anchors()[row]);
  out += extra;
  for (const Column& column : batch.columns) {
    out += "," + json_quoted(column.name) + ":";
    append_value(out, column, row, form);
  }
  out += '}';
}

std::string value_cell(const Column& column, size_t row, size_t max_chars) {
  if (!column.is_valid(row)) return "-";
  if (is_blob(column.type) && column.type != FieldType::kText) {
    return human_bytes(column.blobs[row].size()) + " " +
           blake3_hex(column.blobs[row]).substr(0, 12);
  }
  if (column.type == FieldType::kText) return one_line(column.blobs[row].view(), max_chars);
  if (column.type == FieldType::kTimestamp) return iso_time(column.as<int64_t>()[row]);
  if (is_string(column.type)) {
    return one_line(column.text(row), max_chars);
  }
  std::string text;
  append_value(text, column, row, BlobForm::kDigest);
  if (is_matrix(column.type)) text = shape_text(column) + text;
  return one_line(text, max_chars);
}

}  // namespace dreamdb::cli
