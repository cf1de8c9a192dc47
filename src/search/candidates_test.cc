// Candidates of a query and sets of anchors, against the same done plainly.
#include "search/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "search/anchor_set.h"

namespace dreamdb {
namespace {

// All rows whose upper bound is not below the k-th greatest lower bound.
std::set<uint64_t> plain(const std::vector<Candidate>& rows, size_t k) {
  std::vector<float> lowers;
  for (const Candidate& row : rows) lowers.push_back(row.lower);
  std::ranges::sort(lowers, std::greater());
  const float bound = lowers.size() < k ? -1e30f : lowers[k - 1];
  std::set<uint64_t> out;
  for (const Candidate& row : rows)
    if (row.upper >= bound) out.insert(row.anchor);
  return out;
}

std::vector<Candidate> random_rows(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<Candidate> rows;
  for (size_t i = 0; i < count; ++i) {
    const float middle = normal(random), half = std::abs(normal(random)) / 10;
    rows.push_back({i * 10 + 3, middle - half, middle + half});
  }
  return rows;
}

TEST(Candidates, AreThoseThatTheBoundsLeaveInDoubt) {
  for (const size_t count : {0, 3, 10, 500, 20'000})
    for (const size_t k : {1, 10, 100}) {
      const auto rows = random_rows(count, static_cast<uint32_t>(count + k));
      Candidates whole(k), left(k), right(k);
      for (const Candidate& row : rows) {
        whole.offer(row);
        (row.anchor % 3 == 0 ? left : right).offer(row);
      }
      left.merge(right);
      for (Candidates* found : {&whole, &left}) {
        const auto taken = found->take();
        std::set<uint64_t> anchors;
        for (const Candidate& row : taken) anchors.insert(row.anchor);
        EXPECT_EQ(anchors, plain(rows, k)) << count << " rows, k " << k;
        EXPECT_EQ(anchors.size(), taken.size());
        EXPECT_TRUE(std::ranges::is_sorted(taken, {}, &Candidate::anchor));
      }
    }
}

TEST(Candidates, AnAnchorStandsOnce) {
  Candidates found(2);
  found.offer({7, 1, 3});
  found.offer({7, 4, 6});
  found.offer({8, 2, 5});
  EXPECT_EQ(found.take(), (std::vector<Candidate>{{7, 4, 6}, {8, 2, 5}}));
  Candidates none(0);
  none.offer({1, 1, 1});
  EXPECT_TRUE(none.take().empty());
}

TEST(AnchorSet, HasWhatItWasMadeOf) {
  std::mt19937_64 random(5);
  for (const uint64_t range : {uint64_t{1}, uint64_t{100}, uint64_t{1} << 40, UINT64_MAX}) {
    std::set<uint64_t> wanted;
    for (int i = 0; i < 3000; ++i) wanted.insert(random() % range);
    const AnchorSet set(std::vector<uint64_t>(wanted.begin(), wanted.end()));
    for (const uint64_t anchor : wanted)
      for (const uint64_t near : {anchor - 1, anchor, anchor + 1})
        ASSERT_EQ(set.has(near), wanted.contains(near)) << near << " of " << range;
    for (int i = 0; i < 3000; ++i) {
      const uint64_t anchor = random();
      ASSERT_EQ(set.has(anchor), wanted.contains(anchor));
    }
  }
  EXPECT_FALSE(AnchorSet().has(0));
}

}  // namespace
}  // namespace dreamdb
