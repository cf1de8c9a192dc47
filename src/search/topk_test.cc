// The collector against sorting everything, under any split into parts.
#include "search/topk.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

namespace dreamdb {
namespace {

TEST(TopK, KeepsTheBestAndBreaksTiesByAnchor) {
  TopK top(3);
  top.offer(9, 1.0f);
  top.offer(5, 2.0f);
  top.offer(7, 1.0f);
  EXPECT_EQ(top.threshold(), 1.0f);
  top.offer(8, 1.0f);
  top.offer(1, 0.5f);
  EXPECT_EQ(top.take_sorted(), (std::vector<Hit>{{5, 2.0f}, {7, 1.0f}, {8, 1.0f}}));
  EXPECT_EQ(top.size(), 0u);
  top.offer(1, -INFINITY);
  EXPECT_EQ(top.take_sorted(), (std::vector<Hit>{{1, -INFINITY}}));
}

TEST(TopK, NeverTakesNaNAndHoldsNothingWhenKIsZero) {
  TopK top(1);
  top.offer(1, NAN);
  EXPECT_EQ(top.size(), 0u);
  top.offer(2, -INFINITY);
  top.offer(3, NAN);
  EXPECT_EQ(top.take_sorted(), (std::vector<Hit>{{2, -INFINITY}}));
  TopK none(0);
  none.offer(1, INFINITY);
  EXPECT_TRUE(none.take_sorted().empty());
}

RC_GTEST_PROP(TopK, EqualsSortingUnderAnySplit,
              (const std::vector<std::pair<uint8_t, int8_t>>& offers)) {
  const size_t k = *rc::gen::inRange<size_t>(0, 12);
  const size_t parts = *rc::gen::inRange<size_t>(1, 5);
  std::vector<TopK> split(parts, TopK(k));
  std::vector<Hit> all;
  for (const auto& [anchor, key] : offers) {
    const Hit hit{anchor, static_cast<float>(key % 4)};
    all.push_back(hit);
    split[*rc::gen::inRange<size_t>(0, parts)].offer(hit.anchor, hit.key);
  }
  for (size_t i = 1; i < parts; ++i) split[0].merge(split[i]);
  std::sort(all.begin(), all.end(), better);
  if (all.size() > k) all.resize(k);
  RC_ASSERT(split[0].take_sorted() == all);
}

}  // namespace
}  // namespace dreamdb
