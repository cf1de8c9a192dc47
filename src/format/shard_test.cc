#include "format/shard.h"

#include <gtest/gtest.h>

#include <vector>

namespace dreamdb {
namespace {

TEST(Shard, SharesAreEven) {
  constexpr uint64_t kOf = 7, kObjects = 35'000;
  std::vector<uint64_t> counts(kOf);
  for (uint64_t i = 0; i < kObjects; ++i) {
    const Address address = Address::of(std::as_bytes(std::span(&i, 1)));
    for (uint64_t shard = 0; shard < kOf; ++shard)
      counts[shard] += is_of_shard(address, {shard, kOf}) ? 1 : 0;
  }
  uint64_t sum = 0;
  for (const uint64_t count : counts) {
    EXPECT_NEAR(static_cast<double>(count), kObjects / kOf, 0.04 * kObjects / kOf);
    sum += count;
  }
  EXPECT_EQ(sum, kObjects);
}

}  // namespace
}  // namespace dreamdb
