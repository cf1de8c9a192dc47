// A small schema with rows that follow from their anchors, for tests of the verbs.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dataset/testing.h"

namespace dreamdb::testing {

inline Schema small_schema() {
  Schema schema;
  EXPECT_TRUE(schema.add(field_of("img", FieldType::kImage)));
  EXPECT_TRUE(schema.add(embedding_field("emb", 4)));
  EXPECT_TRUE(schema.add(field_of("label", FieldType::kCategorical)));
  EXPECT_TRUE(schema.add(field_of("score", FieldType::kFloat, false)));
  EXPECT_TRUE(schema.add(field_of("n", FieldType::kInt, false)));
  return schema;
}

// Row i has values that follow from i.
inline NewRows small_rows(const std::vector<uint64_t>& anchors) {
  std::vector<std::string> images, labels;
  std::vector<float> vectors;
  std::vector<double> scores;
  std::vector<int64_t> numbers;
  for (const uint64_t a : anchors) {
    images.push_back("image " + std::to_string(a % 7));
    labels.push_back(a % 3 == 0 ? "cat" : "dog");
    for (int d = 0; d < 4; ++d)
      vectors.push_back(static_cast<float>(std::cos(static_cast<double>(a) * (d + 1))) + 1.5f);
    scores.push_back(static_cast<double>(a) / 2);
    numbers.push_back(static_cast<int64_t>(a));
  }
  return rows_at(
      anchors, {text_column("img", FieldType::kImage, images), embedding_column("emb", 4, vectors),
                text_column("label", FieldType::kCategorical, labels),
                float_column("score", scores), int_column("n", numbers)});
}

inline std::vector<uint64_t> range(uint64_t first, uint64_t count, uint64_t step = 1) {
  std::vector<uint64_t> out;
  for (uint64_t i = 0; i < count; ++i) out.push_back(first + i * step);
  return out;
}

inline std::vector<Batch> all_batches(const Dataset& ds, const ReadOptions& options = {}) {
  auto stream = ds.stream(options);
  EXPECT_TRUE(stream) << stream.error().message;
  std::vector<Batch> out;
  for (;;) {
    auto batch = stream->next();
    EXPECT_TRUE(batch) << batch.error().message;
    if (!batch || !*batch) return out;
    out.push_back(**std::move(batch));
  }
}

inline void expect_small_row(const Batch& batch, size_t row) {
  const uint64_t a = batch.anchors()[row];
  EXPECT_EQ(batch.find("img")->blobs[row].view(), "image " + std::to_string(a % 7));
  EXPECT_EQ(batch.find("label")->text(row), a % 3 == 0 ? "cat" : "dog");
  EXPECT_EQ(batch.find("score")->as<double>()[row], static_cast<double>(a) / 2);
  EXPECT_EQ(batch.find("n")->as<int64_t>()[row], static_cast<int64_t>(a));
  for (int d = 0; d < 4; ++d)
    EXPECT_EQ(batch.find("emb")->as<float>()[row * 4 + static_cast<size_t>(d)],
              static_cast<float>(std::cos(static_cast<double>(a) * (d + 1))) + 1.5f);
}

}  // namespace dreamdb::testing
