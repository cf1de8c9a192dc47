// Differences of trees against differences of lists, and how little is read to find them.
#include "plan/tree_diff.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "plan/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

using Identity = std::pair<Address, uint64_t>;

std::set<Identity> identities(const std::vector<Entry>& entries) {
  std::set<Identity> out;
  for (const Entry& entry : entries) out.emplace(entry.child, entry.seq);
  return out;
}

std::set<Identity> identities(const std::vector<EntryPtr>& entries) {
  std::set<Identity> out;
  for (const EntryPtr& entry : entries) EXPECT_TRUE(out.emplace(entry->child, entry->seq).second);
  return out;
}

std::vector<Entry> random_entries(uint64_t& next_id, uint64_t seq, size_t count) {
  std::vector<Entry> out;
  while (out.size() < count)
    out.push_back(leaf_entry(next_id++, *rc::gen::inRange<uint64_t>(0, 1000),
                             *rc::gen::inRange<uint64_t>(0, 50), seq, true));
  return out;
}

RC_GTEST_PROP(TreeDiff, IsWhatOneHasAndTheOtherLacks, ()) {
  Forest forest;
  uint64_t next_id = 0;
  // A common base, and what each side added to it: from nothing to far more than the base.
  std::optional<Root> base;
  std::vector<Entry> lists[2];
  std::optional<Root> roots[2];
  const auto common = random_entries(next_id, 1, *rc::gen::inRange<size_t>(0, 60));
  if (!common.empty()) base = forest.insert(std::nullopt, common);
  for (int side = 0; side < 2; ++side) {
    roots[side] = base;
    const auto steps = *rc::gen::inRange<int>(0, 5);
    for (int step = 0; step < steps; ++step) {
      const auto more = random_entries(next_id, static_cast<uint64_t>(step) + 2,
                                       *rc::gen::inRange<size_t>(1, 12));
      roots[side] = forest.insert(roots[side], more);
      lists[side].insert(lists[side].end(), more.begin(), more.end());
    }
  }
  const auto root_of_side = [&](int side) { return roots[side] ? &*roots[side] : nullptr; };
  auto diff = forest.drive(
      [&](const PageMap& have) { return diff_trees(root_of_side(0), root_of_side(1), have); });
  RC_ASSERT(diff.has_value());
  RC_ASSERT(identities(diff->left_only) == identities(lists[0]));
  RC_ASSERT(identities(diff->right_only) == identities(lists[1]));
  // Pages that both have are never read, but for the root of the shorter tree.
  if (roots[0] && roots[1] && roots[0]->height == roots[1]->height) {
    std::vector<Entry> ignored;
    const auto left = forest.walk(*roots[0], ignored);
    const auto right = forest.walk(*roots[1], ignored);
    for (const Address& page : forest.read)
      RC_ASSERT(!left.contains(page) || !right.contains(page));
  }
}

TEST(TreeDiff, CostFollowsTheDifference) {
  Forest forest;
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 600; ++i) entries.push_back(leaf_entry(i, i * 10, 5, 1, true));
  const auto left = forest.insert(std::nullopt, entries);
  ASSERT_GE(left->height, 2u);
  const auto right = forest.insert(left, {leaf_entry(9999, 3777, 5, 2, true)});
  auto diff = forest.drive([&](const PageMap& have) { return diff_trees(&*left, &*right, have); });
  ASSERT_TRUE(diff);
  EXPECT_TRUE(diff->left_only.empty());
  ASSERT_EQ(diff->right_only.size(), 1u);
  EXPECT_EQ(diff->right_only[0]->first, 3777u);
  EXPECT_LE(forest.read.size(), 3 * (left->height + 1u));
  forest.drive([&](const PageMap& have) { return diff_trees(&*left, &*left, have); }).value();
  EXPECT_TRUE(forest.read.empty());
  auto all = forest.drive([&](const PageMap& have) { return diff_trees(nullptr, &*left, have); });
  EXPECT_EQ(all->right_only.size(), 600u);
}

// Each page names the one below a hundred times: unfolded, 10^10 entries.
TEST(TreeDiff, PagesThatUnfoldWithoutEndAreRefused) {
  Forest forest;
  Page leaf;
  leaf.entries = {leaf_entry(1, 10, 5, 1, false)};
  Address below = Address::of(std::as_bytes(std::span("leaf")));
  forest.written[below] = std::make_shared<const Page>(leaf);
  for (uint32_t height = 1; height <= 5; ++height) {
    Page page;
    page.height = height;
    page.entries.assign(100, summarize(*forest.written.at(below), below, 100));
    below = Address::of(std::as_bytes(std::span(&height, 1)));
    forest.written[below] = std::make_shared<const Page>(page);
  }
  const Root root = root_of(*forest.written.at(below), FieldId{1}, below, 100);
  const std::vector<uint64_t> anchors = {12};
  const auto refused = [&](const auto& plan) {
    const auto answer = forest.drive(plan);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::kCorruption);
    EXPECT_NE(answer.error().message.find("two places"), std::string::npos);
  };
  refused([&](const PageMap& have) { return find_entries(root, anchors, have); });
  refused([&](const PageMap& have) { return find_range(root, 0, 100, have); });
  refused([&](const PageMap& have) { return diff_trees(nullptr, &root, have); });

  TreeCursor cursor(root, 0, 100);
  for (int entries = 0;;) {
    auto step = cursor.next();
    if (!step) {
      EXPECT_EQ(step.error().code, Code::kCorruption);
      break;
    }
    entries += step->entry != nullptr ? 1 : 0;
    ASSERT_LE(entries, 1);
    for (const PageRef& ref : std::span(step->missing).first(step->missing.empty() ? 0 : 1))
      ASSERT_TRUE(cursor.feed(ref.address, forest.written.at(ref.address)));
  }
}

}  // namespace
}  // namespace dreamdb
