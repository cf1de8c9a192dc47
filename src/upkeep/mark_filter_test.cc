// What was marked is found; others seldom are.
#include "upkeep/mark_filter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "upkeep/address_set.h"

namespace dreamdb {
namespace {

Address address_of(uint64_t i) { return Address::of(std::as_bytes(std::span(&i, 1))); }

uint64_t false_ones(const MarkFilter& filter, uint64_t marked, uint64_t others) {
  uint64_t count = 0;
  for (uint64_t i = marked; i < marked + others; ++i)
    count += filter.may_have(address_of(i)) ? 1 : 0;
  return count;
}

TEST(MarkFilter, HasAllThatWasMarkedAndFewOthers) {
  for (const uint64_t salt : {0ull, 1ull, 0xfedcba9876543210ull}) {
    MarkFilter filter(uint64_t{64} << 10, salt);  // 512 Ki bits: 43,690 addresses
    EXPECT_EQ(false_ones(filter, 0, 1000), 0u);
    for (uint64_t i = 0; i < 43'000; ++i) filter.add(address_of(i));
    for (uint64_t i = 0; i < 43'000; ++i) ASSERT_TRUE(filter.may_have(address_of(i)));
    EXPECT_FALSE(filter.is_full());
    EXPECT_LT(false_ones(filter, 43'000, 20'000), 400u);
    for (uint64_t i = 43'000; i < 46'000; ++i) filter.add(address_of(i));
    EXPECT_TRUE(filter.is_full());
  }
}

TEST(MarkFilter, WhatIsAddedAgainTakesNoRoom) {
  MarkFilter filter(64, 5);
  for (int i = 0; i < 1000; ++i) filter.add(address_of(3));
  EXPECT_EQ(filter.added(), 1u);
}

// An address that was taken for one of those marked is told apart by another salt.
TEST(MarkFilter, ErrsAboutOthersUnderAnotherSalt) {
  std::vector<uint64_t> errors[2];
  for (const uint64_t salt : {0, 1}) {
    MarkFilter filter(4096, salt);
    for (uint64_t i = 0; i < 2'700; ++i) filter.add(address_of(i));
    for (uint64_t i = 2'700; i < 12'700; ++i)
      if (filter.may_have(address_of(i))) errors[salt].push_back(i);
    EXPECT_GT(errors[salt].size(), 10u);
  }
  size_t both = 0;
  for (const uint64_t one : errors[0]) both += std::ranges::count(errors[1], one) > 0 ? 1 : 0;
  EXPECT_LT(both, errors[0].size() / 4);
}

TEST(SeenAddresses, NeverSaysYesOfWhatItWasNotGiven) {
  SeenAddresses seen(100 * sizeof(Address));
  for (uint64_t i = 0; i < 10'000; ++i) EXPECT_FALSE(seen.test_and_add(address_of(i)));
  EXPECT_TRUE(seen.test_and_add(address_of(9'999)));
  uint64_t remembered = 0;
  for (uint64_t i = 0; i < 10'000; ++i) remembered += seen.test_and_add(address_of(i)) ? 1 : 0;
  EXPECT_LE(remembered, 200u);
}

TEST(AddressSet, HasWhatWasAdded) {
  AddressSet set;
  for (uint64_t i = 0; i < 1'000; ++i)
    for (int twice = 0; twice < 2; ++twice) set.add(address_of(i));
  set.seal();
  EXPECT_EQ(set.count(), 1'000u);
  EXPECT_EQ(set.size_bytes(), 8'000u);
  for (uint64_t i = 0; i < 2'000; ++i) ASSERT_EQ(set.has(address_of(i)), i < 1'000);
}

}  // namespace
}  // namespace dreamdb
