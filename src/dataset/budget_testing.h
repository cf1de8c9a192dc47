// Datasets whose requests are counted.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dataset/dataset_impl.h"
#include "dataset/small_dataset.h"
#include "store/counting_store.h"
#include "store/memory_store.h"

namespace dreamdb::testing {

inline constexpr uint64_t kBudgetCacheBytes = 64ull << 20;

// A memory store with a counter, and handles with caches of their own on it.
struct Counted {
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("budget");
  std::shared_ptr<CountingStore> store = std::make_shared<CountingStore>(memory);

  std::shared_ptr<Space> space(uint64_t cache_bytes = kBudgetCacheBytes) const {
    return Space::on(store, "memory://budget", cache_bytes);
  }
  Dataset open(const std::string& ref = "main") const {
    auto ds = open_in(space(), ref);
    EXPECT_TRUE(ds) << ds.error().message;
    return *std::move(ds);
  }
  template <typename F>
  StoreCounts cost(const F& act) const {
    const StoreCounts before = store->snapshot();
    act();
    return store->snapshot().since(before);
  }
};

inline uint64_t of_prefix(const StoreCounts& counts, const std::string& prefix) {
  const auto it = counts.requests_by_prefix.find(prefix);
  return it == counts.requests_by_prefix.end() ? 0 : it->second;
}

inline Schema three_tracks() {
  Schema schema;
  EXPECT_TRUE(schema.add(embedding_field("emb", 64)));
  EXPECT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  EXPECT_TRUE(schema.add(field_of("img", FieldType::kImage, false)));
  return schema;
}

inline NewRows sequence_rows(uint64_t first, size_t count, bool with_image = true) {
  std::vector<uint64_t> anchors;
  std::vector<int64_t> numbers;
  std::vector<float> vectors;
  std::vector<std::string> images;
  for (size_t i = 0; i < count; ++i) {
    anchors.push_back(first + i);
    numbers.push_back(static_cast<int64_t>(first + i));
    for (int d = 0; d < 64; ++d) vectors.push_back(static_cast<float>(first + i + 1) / 8);
    images.push_back("image " + std::to_string(first + i));
  }
  std::vector<Column> columns;
  columns.push_back(embedding_column("emb", 64, vectors));
  columns.push_back(int_column("n", numbers));
  if (with_image) columns.push_back(text_column("img", FieldType::kImage, images));
  return rows_at(anchors, std::move(columns));
}

}  // namespace dreamdb::testing
