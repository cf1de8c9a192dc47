// Columns and rows for tests, in one line each.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"

namespace dreamdb::testing {

template <typename T>
Buffer buffer_of(const std::vector<T>& values) {
  return Buffer::copy_of(std::as_bytes(std::span(values)));
}

inline Buffer bitmap_of(const std::vector<bool>& valid) {
  std::vector<uint8_t> bits((valid.size() + 7) / 8, 0);
  for (size_t i = 0; i < valid.size(); ++i)
    if (valid[i]) bits[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
  return buffer_of(bits);
}

inline Column matrix_column(std::string name, FieldType type, std::vector<uint64_t> shape,
                            const std::vector<float>& values) {
  Column out;
  out.name = std::move(name);
  out.type = type;
  out.shape = std::move(shape);
  out.values = buffer_of(values);
  return out;
}

inline Column embedding_column(std::string name, uint64_t dim, const std::vector<float>& values) {
  return matrix_column(std::move(name), FieldType::kEmbedding, {dim}, values);
}

inline Column int_column(std::string name, const std::vector<int64_t>& values) {
  Column out;
  out.name = std::move(name);
  out.type = FieldType::kInt;
  out.values = buffer_of(values);
  return out;
}

inline Column float_column(std::string name, const std::vector<double>& values) {
  Column out;
  out.name = std::move(name);
  out.type = FieldType::kFloat;
  out.values = buffer_of(values);
  return out;
}

inline Column bool_column(std::string name, const std::vector<uint8_t>& values) {
  Column out;
  out.name = std::move(name);
  out.type = FieldType::kBool;
  out.values = buffer_of(values);
  return out;
}

inline Column text_column(std::string name, FieldType type,
                          const std::vector<std::string>& values) {
  Column out;
  out.name = std::move(name);
  out.type = type;
  if (is_blob(type)) {
    for (const std::string& value : values) out.blobs.push_back(Buffer::copy_of(value));
    return out;
  }
  std::vector<uint32_t> offsets = {0};
  std::string bytes;
  for (const std::string& value : values) {
    bytes += value;
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  out.offsets = buffer_of(offsets);
  out.values = Buffer::copy_of(bytes);
  return out;
}

inline NewRows rows_at(const std::vector<uint64_t>& anchors, std::vector<Column> columns) {
  NewRows out;
  out.rows = anchors.size();
  out.anchors = buffer_of(anchors);
  out.columns = std::move(columns);
  return out;
}

inline Field field_of(std::string name, FieldType type, bool required = true) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  out.required = required;
  if (type == FieldType::kImage) out.mime = "jpeg";
  return out;
}

inline Field embedding_field(std::string name, uint64_t dim, bool required = true) {
  Field out = field_of(std::move(name), FieldType::kEmbedding, required);
  out.shape = {dim};
  out.algorithm = "dreamdb.ivf-cosine";
  return out;
}

// A memory store of its own for each call.
inline std::string fresh_locator() {
  static std::atomic<int> next{0};
  return "memory://test-" + std::to_string(next.fetch_add(1));
}

}  // namespace dreamdb::testing
