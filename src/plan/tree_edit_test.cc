// Edits of trees against a sorted list: order, sums, old pages, how full pages are left, and
// rounds.
#include "plan/tree_edit.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "plan/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

// A tree and the list it must agree with.
struct Edited {
  Forest forest;
  std::optional<Root> root;
  std::vector<Entry> list;
  uint64_t next_id = 0;

  void edit(const std::vector<Entry>& removed, const std::vector<Entry>& added) {
    const uint32_t levels = root ? root->height + 1 : 0;
    std::optional<Root> before = root;
    const std::vector<Entry> before_list = list;
    root = forest.edit(root, removed, added);
    EXPECT_LE(forest.rounds, 2 * levels);
    std::erase_if(list, [&](const Entry& e) {
      return std::ranges::any_of(removed, [&](const Entry& r) { return r.child == e.child; });
    });
    list.insert(list.end(), added.begin(), added.end());
    std::sort(list.begin(), list.end(), entry_less);
    ASSERT_EQ(root.has_value(), !list.empty());
    std::vector<Entry> leaves, old_leaves;
    if (root) expect_full(forest.walk(*root, leaves));
    EXPECT_EQ(leaves, list);
    if (before) forest.walk(*before, old_leaves);
    EXPECT_EQ(old_leaves, before_list);
  }

  // No page but the root is less than a quarter full, give or take an entry.
  void expect_full(const std::set<Address>& pages) const {
    for (const Address& address : pages) {
      const Page& page = *forest.written.at(address);
      if (address == root->page) {
        EXPECT_TRUE(page.height == 0 || page.entries.size() > 1);
        continue;
      }
      const size_t entry = encode_entry(page.entries[0], page.height).size();
      EXPECT_GE(page.encoded.all().size() + 2 * entry, kPageTargetBytes / 4);
    }
  }
};

RC_GTEST_PROP(TreeEdit, AgreesWithASortedList, ()) {
  Edited tree;
  const auto rounds = *rc::gen::inRange(1, 9);
  for (int round = 0; round < rounds; ++round) {
    const auto percent = *rc::gen::elementOf(std::vector<int>{0, 5, 50, 97, 100});
    const auto count = *rc::gen::elementOf(std::vector<int>{0, 1, 3, 60, 300});
    const auto firsts = *rc::gen::container<std::vector<uint16_t>>(
        static_cast<size_t>(count), rc::gen::inRange<uint16_t>(0, 50));
    const auto draws =
        *rc::gen::container<std::vector<int>>(tree.list.size(), rc::gen::inRange(0, 100));
    std::vector<Entry> removed, added;
    for (size_t i = 0; i < draws.size(); ++i)
      if (draws[i] < percent) removed.push_back(tree.list[i]);
    // Few anchors and any seq: entries belong among many that stand at the same one.
    for (const uint16_t first : firsts) {
      const uint64_t id = tree.next_id++;
      added.push_back(leaf_entry(id, first, 5, id * 7919 % 100, id % 3 == 0));
    }
    tree.edit(removed, added);
  }
  RC_ASSERT(!::testing::Test::HasFailure());
}

TEST(TreeEdit, ShrinksToNothing) {
  Edited tree;
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 2000; ++i) entries.push_back(leaf_entry(i, 10 * i, 5, i % 50, true));
  tree.edit({}, entries);
  ASSERT_GE(tree.root->height, 2u);
  for (size_t left = 2000; left > 0; left /= 3) {
    const std::vector<Entry> rest(tree.list.begin() + static_cast<ptrdiff_t>(left / 3),
                                  tree.list.end());
    tree.edit(rest, {});
  }
  EXPECT_FALSE(tree.root);
}

TEST(TreeEdit, LeavesNoChainOfNearlyEmptyPages) {
  Edited tree;
  std::vector<Entry> entries, removed;
  for (uint64_t i = 0; i < 8000; ++i) {
    entries.push_back(leaf_entry(i, 10 * i, 5, i % 50, false));
    if (i % 10 != 0) removed.push_back(entries.back());
  }
  tree.edit({}, entries);
  tree.edit(removed, {});
  EXPECT_EQ(tree.list.size(), 800u);
}

TEST(TreeEdit, ReplacesAnEntryByOneOfItsName) {
  Edited tree;
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 400; ++i) entries.push_back(leaf_entry(i, i / 100, 5, 1, true));
  tree.edit({}, entries);
  Entry changed = entries[150];
  changed.records = changed.records == 0 ? changed.rows : 0;
  tree.edit({entries[150]}, {changed});
}

TEST(TreeEdit, TouchesNoPageThatIsNotOnTheWay) {
  Edited tree;
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 5000; ++i) entries.push_back(leaf_entry(i, 10 * i, 5, i, false));
  tree.edit({}, entries);
  ASSERT_EQ(tree.root->height, 1u);
  tree.edit({entries[2500]}, {leaf_entry(9999, 25'003, 2, 9, false)});
  EXPECT_EQ(tree.forest.read.size(), 2u);
  EXPECT_EQ(tree.forest.rounds, 2u);
}

TEST(TreeEdit, NothingToDoLeavesTheRoot) {
  Forest forest;
  EXPECT_FALSE(forest.edit(std::nullopt, {}, {}));
  const auto root = forest.edit(std::nullopt, {}, {leaf_entry(1, 1, 1, 1, false)});
  EXPECT_EQ(forest.edit(root, {}, {}), root);
  EXPECT_TRUE(forest.read.empty());
}

TEST(TreeEdit, RefusesWhatTheTreeLacks) {
  Forest forest;
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 40; ++i) entries.push_back(leaf_entry(i, i, 5, 1, true));
  const auto root = forest.edit(std::nullopt, {}, entries);
  for (Entry wrong : {leaf_entry(99, 3, 5, 1, true), leaf_entry(3, 3, 5, 2, true)}) {
    const auto answer = forest.drive([&](const PageMap& pages) {
      return edit_entries(root, FieldId{1}, {wrong}, {}, Nonce{}, pages);
    });
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::kNotFound);
    EXPECT_NE(answer.error().message.find(wrong.child.text()), std::string::npos);
  }
}

}  // namespace
}  // namespace dreamdb
