// Columns and schemas that the tests of filters share.
#pragma once

#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "dreamdb/batch.h"
#include "dreamdb/where.h"

namespace dreamdb {

inline Buffer buffer_of(const auto& values) {
  return Buffer::copy_of(std::as_bytes(std::span(values)));
}

inline Buffer valid_bits(const std::vector<bool>& valid) {
  std::vector<uint8_t> bits((valid.size() + 7) / 8);
  for (size_t i = 0; i < valid.size(); ++i)
    if (valid[i]) bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | (1u << (i % 8)));
  return buffer_of(bits);
}

// T: uint8_t for bool, int64_t, double or std::string.
template <typename T>
Column make_column(std::string name, FieldType type, const std::vector<std::optional<T>>& rows) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  std::vector<bool> valid;
  bool complete = true;
  for (const auto& row : rows) {
    valid.push_back(row.has_value());
    complete = complete && row.has_value();
  }
  if (!complete) column.valid = valid_bits(valid);
  if constexpr (std::is_same_v<T, std::string>) {
    std::vector<uint32_t> offsets = {0};
    std::string bytes;
    for (const auto& row : rows) {
      bytes += row.value_or("");
      offsets.push_back(static_cast<uint32_t>(bytes.size()));
    }
    column.offsets = buffer_of(offsets);
    column.values = Buffer::copy_of(bytes);
  } else {
    std::vector<T> values;
    for (const auto& row : rows) values.push_back(row.value_or(T{}));
    column.values = buffer_of(values);
  }
  return column;
}

inline Batch make_batch(size_t rows, std::vector<Column> columns) {
  std::vector<uint64_t> anchors(rows);
  for (size_t i = 0; i < rows; ++i) anchors[i] = i;
  return Batch{buffer_of(anchors), std::move(columns)};
}

inline Schema make_schema(const std::vector<std::pair<std::string, FieldType>>& fields) {
  Schema schema;
  for (const auto& [name, type] : fields) {
    Field field;
    field.name = name;
    field.type = type;
    if (is_matrix(type)) field.shape = {2};
    if (type == FieldType::kEmbedding) field.algorithm = "dreamdb.ivf-cosine";
    const Status added = schema.add(field);
    DREAMDB_ASSERT(added.has_value());
  }
  return schema;
}

}  // namespace dreamdb
