#include "store/cache_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "store/read_plan.h"

namespace dreamdb {
namespace {

constexpr uint64_t kRest = std::numeric_limits<uint64_t>::max();
constexpr int32_t kFull = kGrainBytes;
constexpr uint64_t kGap = kReadGapMax / kGrainBytes;

CachePlan plan(const std::vector<ReadRequest>& requests) {
  return plan_cache(requests, std::vector<bool>(requests.size(), true));
}

TEST(CachePlan, RequestsGrowToGrains) {
  const std::vector<ReadRequest> requests = {{"a", 4095, 2}, {"a", 8192, 4096}, {"b", 0, 1}};
  const CachePlan made = plan(requests);
  ASSERT_EQ(made.spans.size(), 2u);
  EXPECT_EQ(made.spans[0].first, 0u);
  EXPECT_EQ(made.spans[0].count, 3u);  // neighbours share a span
  EXPECT_EQ(made.spans[0].wanted, 4098u);
  EXPECT_EQ(made.spans[1].key, "b");
  EXPECT_EQ(made.spans[1].count, 1u);
}

TEST(CachePlan, WhatIsNotKeptHasNoSpan) {
  const std::vector<ReadRequest> requests = {
      {"a", 0, 10}, {"a", 0, 0}, {"a", kRest, 5}, {"a", 0, 10}};
  const CachePlan made = plan_cache(requests, {false, true, true, true});
  EXPECT_EQ(made.spans.size(), 1u);
  EXPECT_EQ(made.places,
            (std::vector<size_t>{CachePlan::kNone, CachePlan::kNone, CachePlan::kNone, 0}));
}

TEST(CachePlan, AnOpenRequestHasAllThatFollows) {
  const std::vector<ReadRequest> requests = {{"a", 0, 10}, {"a", 9000, kRest}, {"a", 1 << 30, 7}};
  const CachePlan made = plan(requests);
  ASSERT_EQ(made.spans.size(), 2u);
  EXPECT_EQ(made.spans[1].first, 2u);
  EXPECT_EQ(made.spans[1].count, kToTheEnd);
  EXPECT_EQ(made.places, (std::vector<size_t>{0, 1, 1}));
}

TEST(CachePlan, EachRequestLiesInItsSpanAndSharedSpansAreBounded) {
  rc::check([] {
    std::vector<ReadRequest> requests;
    const size_t count = *rc::gen::inRange<size_t>(0, 30);
    for (size_t i = 0; i < count; ++i) {
      requests.push_back({std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 3))),
                          *rc::gen::inRange<uint64_t>(0, 40 << 20),
                          *rc::gen::inRange<uint64_t>(0, 12 << 20)});
    }
    const CachePlan made = plan(requests);
    for (size_t i = 0; i < count; ++i) {
      if (requests[i].size == 0) continue;
      const GrainSpan& span = made.spans.at(made.places[i]);
      RC_ASSERT(span.key == requests[i].key);
      RC_ASSERT(span.offset() <= requests[i].offset);
      RC_ASSERT(requests[i].offset + requests[i].size <= span.offset() + span.count * kGrainBytes);
      const bool alone = span.wanted == requests[i].size;
      RC_ASSERT(alone || span.count * kGrainBytes <= std::max(kReadPieceMax, uint64_t{13} << 20));
    }
  });
}

TEST(MissingGrains, AllOfASpanOfWhichNothingIsThere) {
  const auto missing = missing_grains({}, 7);
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].first, 0u);
  EXPECT_EQ(missing[0].count, 7u);
  EXPECT_EQ(missing_grains({}, kToTheEnd)[0].count, kToTheEnd);
}

TEST(MissingGrains, NothingAfterTheEndOfTheObject) {
  EXPECT_TRUE(missing_grains(std::vector<int32_t>{kFull, 12}, 90).empty());
  EXPECT_TRUE(missing_grains(std::vector<int32_t>{kFull, 0}, kToTheEnd).empty());
  EXPECT_TRUE(missing_grains(std::vector<int32_t>{kFull, kFull}, 2).empty());
  const auto missing = missing_grains(std::vector<int32_t>{kFull, kFull}, kToTheEnd);
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].first, 2u);
}

TEST(MissingGrains, SmallGapsAreReadThrough) {
  std::vector<int32_t> sizes(2 * kGap + 2, kFull);
  sizes[0] = sizes[kGap] = kNotThere;  // kGap - 1 between them
  sizes[2 * kGap + 1] = kNotThere;     // kGap
  const auto missing = missing_grains(sizes, sizes.size());
  ASSERT_EQ(missing.size(), 2u);
  EXPECT_EQ(missing[0].count, kGap + 1);
  EXPECT_EQ(missing[1].first, 2 * kGap + 1);
  EXPECT_EQ(missing[1].count, 1u);
}

}  // namespace
}  // namespace dreamdb
