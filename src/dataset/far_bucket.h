// A far bucket in simulated time: 20 ms a wave, 16 connections of 100 MB/s.
//
// Thread rule: as the stores it holds.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "dataset/dataset_impl.h"
#include "store/far_store.h"
#include "store/memory_store.h"

namespace dreamdb::testing {

inline constexpr uint64_t kCacheBytes = OpenOptions().cache_bytes;

// Bytes take no time: simulated time counts waves that wait for each other, exactly.
inline constexpr FarModel kWavesOnly{.bytes_per_second = 1'000'000'000'000'000'000};

// A dataset in memory, and the same as a far bucket.
struct Bucket {
  explicit Bucket(FarModel model = {}) : far(std::make_shared<FarStore>(memory, model)) {}

  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("bucket");
  std::shared_ptr<FarStore> far;
  std::shared_ptr<CountingStore> counted = std::make_shared<CountingStore>(far);

  // The same data behind a network of another kind.
  Bucket with(FarModel model) const {
    Bucket out(model);
    out.memory = memory;
    out.far = std::make_shared<FarStore>(memory, model);
    out.counted = std::make_shared<CountingStore>(out.far);
    return out;
  }

  Dataset create(const Schema& schema) const {
    return *create_in(Space::on(memory, "memory://bucket", kCacheBytes), "main", schema);
  }
  // A handle that has read nothing yet.
  Dataset open(const std::string& ref = "main") const {
    return *open_in(Space::on(counted, "memory://bucket", kCacheBytes), ref);
  }
  // Waves one after the other, of a bucket `with(kWavesOnly)`.
  template <typename F>
  uint64_t waves(const F& act) const {
    const uint64_t begin_ns = far->now_ns();
    act();
    EXPECT_EQ((far->now_ns() - begin_ns) % FarModel().wave_ns, 0u);
    return (far->now_ns() - begin_ns) / FarModel().wave_ns;
  }
};

inline Schema one_field(const Field& field) {
  Schema schema;
  EXPECT_TRUE(schema.add(field));
  return schema;
}

}  // namespace dreamdb::testing
