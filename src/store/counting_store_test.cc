// Requests, bytes and waves as they are counted.
#include "store/counting_store.h"

#include <gtest/gtest.h>

#include "store/memory_store.h"

namespace dreamdb {
namespace {

TEST(CountingStore, CountsRequestsBytesAndWaves) {
  CountingStore store(std::make_shared<MemoryStore>("count"));
  const PutRequest puts[] = {{"segments/a", Buffer::copy_of("12345")},
                             {"pages/b", Buffer::copy_of("123")}};
  ASSERT_TRUE(store.put_many(puts)[0].has_value());
  const ReadRequest reads[] = {{"segments/a", 1, 2}, {"segments/a", 0, 5}, {"pages/none", 0, 9}};
  (void)store.read_many(reads);
  (void)store.read_many({});
  const auto version = store.swap("refs/main", std::nullopt, Buffer::copy_of("1234567"));
  ASSERT_TRUE(version.has_value());
  ASSERT_TRUE(store.load("refs/main").has_value());
  const StoreCounts before = store.snapshot();
  EXPECT_EQ(before.of(StoreOp::kPut), 2u);
  EXPECT_EQ(before.of(StoreOp::kGet), 3u);
  EXPECT_EQ(before.of(StoreOp::kSwap), 1u);
  EXPECT_EQ(before.of(StoreOp::kLoad), 1u);
  EXPECT_EQ(before.requests(), 7u);
  EXPECT_EQ(before.waves, 4u);
  EXPECT_EQ(before.failed, 1u);
  EXPECT_EQ(before.read_bytes, 2u + 5u + 7u);
  EXPECT_EQ(before.written_bytes, 8u + 7u);
  EXPECT_EQ(before.requests_by_prefix,
            (std::map<std::string, uint64_t>{{"segments", 3}, {"pages", 2}, {"refs", 2}}));

  ASSERT_TRUE(store.list("refs/", "", 10).has_value());
  const std::string keys[] = {"pages/b", "pages/c"};
  (void)store.delete_many(keys);
  ASSERT_TRUE(store.swap_delete("refs/main", *version).has_value());
  const StoreCounts delta = store.snapshot().since(before);
  EXPECT_EQ(delta.requests(), 4u);
  EXPECT_EQ(delta.waves, 3u);
  EXPECT_EQ(delta.of(StoreOp::kDelete), 2u);
  EXPECT_EQ(delta.of(StoreOp::kList), 1u);
  EXPECT_EQ(delta.requests_by_prefix, (std::map<std::string, uint64_t>{{"pages", 2}, {"refs", 2}}));
  store.reset();
  EXPECT_EQ(store.snapshot().requests(), 0u);
  EXPECT_EQ(store_op_name(StoreOp::kDelete), "delete");
}

TEST(CountingStore, APublicationIsAWaveAndASwap) {
  CountingStore store(std::make_shared<MemoryStore>("count"));
  const PutRequest puts[] = {{"segments/a", Buffer::copy_of("12345")},
                             {"pages/b", Buffer::copy_of("123")}};
  const Published done = store.publish(puts, "refs/main", std::nullopt, Buffer::copy_of("1234567"));
  ASSERT_TRUE(done.swapped && *done.swapped);
  EXPECT_EQ(store.snapshot().waves, 2u);
  EXPECT_EQ(store.snapshot().of(StoreOp::kPut), 2u);
  EXPECT_EQ(store.snapshot().of(StoreOp::kSwap), 1u);
  EXPECT_EQ(store.snapshot().written_bytes, 8u + 7u);
  // No swap is tried when an object is missing.
  store.reset();
  const PutRequest bad[] = {{"segments/c", Buffer()}, {"../d", Buffer()}};
  const Published failed = store.publish(bad, "refs/main", **done.swapped, Buffer::copy_of("8"));
  EXPECT_FALSE(failed.swapped);
  EXPECT_EQ(failed.puts[1].error().code, Code::kInvalidArgument);
  EXPECT_EQ(store.snapshot().of(StoreOp::kSwap), 0u);
  EXPECT_EQ(store.snapshot().failed, 1u);
}

}  // namespace
}  // namespace dreamdb
