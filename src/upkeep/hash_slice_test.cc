// Slices of addresses against the addresses themselves and their texts.
#include "upkeep/hash_slice.h"

#include <gtest/gtest.h>

#include <set>

namespace dreamdb {
namespace {

std::vector<Address> many_addresses(uint64_t count) {
  std::vector<Address> out;
  for (uint64_t i = 0; i < count; ++i) out.push_back(Address::of(std::as_bytes(std::span(&i, 1))));
  return out;
}

bool is_in(const std::vector<KeyRange>& ranges, const std::string& key) {
  for (const KeyRange& range : ranges)
    if (key > range.after && (range.last.empty() || key <= range.last)) return true;
  return false;
}

TEST(HashSlice, PartsAreEvenAndMakeUpTheWhole) {
  const std::vector<Address> addresses = many_addresses(20'000);
  for (const uint64_t of : {1, 2, 3, 7, 16, 100}) {
    size_t total = 0;
    for (uint64_t index = 0; index < of; ++index) {
      const HashSlice part = part_of({}, index, of);
      size_t count = 0;
      for (const Address& address : addresses) count += part.has(address) ? 1 : 0;
      const double blocks = part.end - part.begin;
      EXPECT_NEAR(blocks * static_cast<double>(of) / kHashBlocks, 1, 0.05) << of;
      total += count;
    }
    EXPECT_EQ(total, addresses.size());
  }
  const HashSlice third = part_of({}, 1, 3), half = part_of(third, 1, 2);
  EXPECT_EQ(half.end, third.end);
  EXPECT_EQ(part_of(third, 0, 2).end, half.begin);
}

TEST(HashSlice, RangesHaveTheKeysOfTheSlice) {
  const std::vector<Address> addresses = many_addresses(3'000);
  for (const uint64_t of : {1, 3, 64}) {
    for (uint64_t index = 0; index < of; ++index) {
      const HashSlice part = part_of({}, index, of);
      const std::vector<KeyRange> ranges = ranges_of("pages/", part);
      EXPECT_LE(ranges.size(), 16u);
      for (size_t i = 1; i < ranges.size(); ++i) EXPECT_LT(ranges[i - 1].last, ranges[i].after);
      for (const Address& address : addresses)
        ASSERT_EQ(is_in(ranges, "pages/" + address.text()), part.has(address)) << address.text();
    }
  }
}

TEST(HashSlice, EveryNameStandsInOneRange) {
  for (const std::string name :
       {"2", "a", "d", "d2", "d2aa", "d3-foo", "dy0", "dz77zz", "e", "zz"}) {
    int found = 0;
    for (uint64_t index = 0; index < 5; ++index)
      found += is_in(ranges_of("pages/", part_of({}, index, 5)), "pages/" + name) ? 1 : 0;
    EXPECT_EQ(found, 1) << name;
  }
  const std::vector<KeyRange> whole = ranges_of("pages/", {});
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(whole[0].after, "pages/");
  EXPECT_EQ(whole[0].last, "");
  EXPECT_TRUE(ranges_of("pages/", {7, 7}).empty());
}

}  // namespace
}  // namespace dreamdb
