// Trees against a sorted list: every way to insert keeps the order, the sums and the old pages.
#include "plan/tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "plan/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

// What is inserted in one go: small firsts, so that many are equal and ranges overlap.
struct Step {
  std::vector<std::pair<uint16_t, uint8_t>> ranges;
  bool at_end;
  bool wide;
};

rc::Gen<Step> any_step() {
  const auto range = rc::gen::pair(rc::gen::inRange<uint16_t>(0, 300),
                                   rc::gen::resize(100, rc::gen::arbitrary<uint8_t>()));
  return rc::gen::build<Step>(
      rc::gen::set(&Step::ranges, rc::gen::nonEmpty(rc::gen::resize(
                                      20, rc::gen::container<decltype(Step::ranges)>(range)))),
      rc::gen::set(&Step::at_end, rc::gen::weightedElement<bool>({{1, true}, {2, false}})),
      rc::gen::set(&Step::wide, rc::gen::weightedElement<bool>({{4, true}, {1, false}})));
}

// A tree and the list it must agree with.
struct Grown {
  Forest forest;
  std::optional<Root> root;
  std::vector<Entry> list;
  uint64_t next_id = 0;
  uint64_t end = 300;

  std::vector<Entry> entries_of(const Step& step, uint64_t seq) {
    std::vector<Entry> out;
    for (const auto& [first, length] : step.ranges) {
      const uint64_t at = step.at_end ? end++ : first;
      out.push_back(leaf_entry(next_id++, at, length, seq, step.wide));
    }
    return out;
  }

  void insert(const Step& step, uint64_t seq) {
    const std::vector<Entry> entries = entries_of(step, seq);
    std::vector<Entry> before_leaves, after_leaves;
    std::set<Address> before;
    if (root) before = forest.walk(*root, before_leaves);
    std::vector<NewPage> fresh;
    const uint32_t levels = root ? root->height + 1 : 0;
    root = forest.insert(root, entries, &fresh);
    const std::set<Address> read(forest.read.begin(), forest.read.end());
    RC_ASSERT(read.size() <= levels * entries.size());
    const std::set<Address> after = forest.walk(*root, after_leaves);
    list.insert(list.end(), entries.begin(), entries.end());
    std::sort(list.begin(), list.end(), entry_less);
    RC_ASSERT(after_leaves == list);
    // Pages that were not on the way stand where they stood; all others are new.
    for (const Address& page : before) RC_ASSERT(after.contains(page) == !read.contains(page));
    size_t fresh_in_tree = 0;
    for (const NewPage& page : fresh) fresh_in_tree += after.contains(page.address);
    RC_ASSERT(fresh_in_tree == fresh.size());
    RC_ASSERT(after.size() == before.size() - read.size() + fresh.size());
  }

  void expect_found(const std::vector<EntryPtr>& found, const std::vector<Entry>& expected) const {
    RC_ASSERT(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i) RC_ASSERT(*found[i] == expected[i]);
  }
};

template <typename F>
std::vector<Entry> where(const std::vector<Entry>& list, const F& wanted) {
  std::vector<Entry> out;
  std::copy_if(list.begin(), list.end(), std::back_inserter(out), wanted);
  return out;
}

std::vector<Entry> walk_cursor(Forest& forest, TreeCursor cursor) {
  std::vector<Entry> out;
  for (;;) {
    auto step = cursor.next();
    RC_ASSERT(step.has_value());
    if (!step->missing.empty()) {
      const Address& at = step->missing[0].address;
      for (const PageRef& ref : step->missing) RC_ASSERT(forest.written.contains(ref.address));
      RC_ASSERT(cursor.feed(at, forest.written.at(at)).has_value());
      continue;
    }
    if (step->entry == nullptr) return out;
    out.push_back(*step->entry);
  }
}

RC_GTEST_PROP(Tree, AgreesWithASortedList, ()) {
  const auto steps =
      *rc::gen::nonEmpty(rc::gen::resize(8, rc::gen::container<std::vector<Step>>(any_step())));
  Grown tree;
  for (size_t i = 0; i < steps.size(); ++i) tree.insert(steps[i], i + 1);
  Forest& forest = tree.forest;

  auto anchors = *rc::gen::container<std::vector<uint64_t>>(rc::gen::inRange<uint64_t>(0, 700));
  std::sort(anchors.begin(), anchors.end());
  anchors.erase(std::unique(anchors.begin(), anchors.end()), anchors.end());
  auto holding =
      forest.drive([&](const PageMap& have) { return find_entries(*tree.root, anchors, have); });
  RC_ASSERT(holding.has_value());
  tree.expect_found(holding->entries, where(tree.list, [&](const Entry& e) {
                      return std::any_of(anchors.begin(), anchors.end(),
                                         [&](uint64_t a) { return e.first <= a && a <= e.last; });
                    }));

  const auto first = *rc::gen::inRange<uint64_t>(0, 700);
  const auto last = *rc::gen::inRange<uint64_t>(0, 700);
  const auto meets = [&](const Entry& e) { return e.first <= last && e.last >= first; };
  auto meeting =
      forest.drive([&](const PageMap& have) { return find_range(*tree.root, first, last, have); });
  RC_ASSERT(meeting.has_value());
  tree.expect_found(meeting->entries, where(tree.list, meets));
  RC_ASSERT(walk_cursor(forest, {*tree.root, first, last}) == where(tree.list, meets));
  // What `keep` refuses is left out, and inner entries are asked with sums: so it must hold for
  // them if it holds for one below.
  const auto has_records = [](const Entry& e) { return e.records > 0; };
  RC_ASSERT(walk_cursor(forest, {*tree.root, first, last, has_records}) ==
            where(tree.list, [&](const Entry& e) { return meets(e) && has_records(e); }));
}

TEST(Tree, GrowsInHeightAndKeepsOldVersionsReadable) {
  Forest forest;
  std::optional<Root> root;
  std::vector<std::pair<Root, size_t>> versions;
  for (uint64_t i = 0; i < 300; ++i) {
    // From both ends and from the middle.
    const uint64_t first = i % 3 == 0 ? 1000 + i : i % 3 == 1 ? 1000 - i : 1000;
    root = forest.insert(root, {leaf_entry(i, first, 5, i, true)});
    versions.emplace_back(*root, i + 1);
  }
  EXPECT_GE(root->height, 2u);
  for (size_t i = 0; i < versions.size(); i += 23) {
    const auto& [version, count] = versions[i];
    std::vector<Entry> leaves;
    forest.walk(version, leaves);
    EXPECT_EQ(leaves.size(), count);
    EXPECT_TRUE(std::is_sorted(leaves.begin(), leaves.end(), entry_less));
  }
}

TEST(Tree, InsertsWhereTheSeqSaysAmongManyAtOneAnchor) {
  Forest forest;
  std::optional<Root> root;
  std::vector<Entry> list;
  for (uint64_t i = 0; i < 300; ++i) {
    list.push_back(leaf_entry(i, i % 2, 5, i * 7919 % 100, true));
    root = forest.insert(root, {list.back()});
  }
  std::sort(list.begin(), list.end(), entry_less);
  std::vector<Entry> leaves;
  forest.walk(*root, leaves);
  EXPECT_EQ(leaves, list);
}

TEST(Tree, PagesThatGrowAtTheEndAreLeftHalfFull) {
  Forest forest;
  std::optional<Root> root;
  for (uint64_t i = 0; i < 1500; ++i)
    root = forest.insert(root, {leaf_entry(i, i * 10, 5, i, false)});
  std::vector<Entry> leaves;
  const size_t pages = forest.walk(*root, leaves).size();
  EXPECT_EQ(leaves.size(), 1500u);
  const size_t bytes = 1500 * encode_entry(leaves.back(), 0).size();
  EXPECT_LE(pages, bytes / (kPageTargetBytes / 2 * 9 / 10) + 2);
}

TEST(Tree, NothingInsertedLeavesTheRoot) {
  Forest forest;
  EXPECT_FALSE(forest.insert(std::nullopt, {}));
  const auto root = forest.insert(std::nullopt, {leaf_entry(1, 1, 1, 1, false)});
  EXPECT_EQ(forest.insert(root, {}), root);
  EXPECT_TRUE(forest.read.empty());
}

TEST(Tree, RefusesAPageOfTheWrongHeight) {
  Forest forest;
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 40; ++i) entries.push_back(leaf_entry(i, i, 5, 1, true));
  Root root = *forest.insert(std::nullopt, entries);
  ASSERT_EQ(root.height, 1u);
  const PagePtr leaf = forest.written.at(forest.written.at(root.page)->entries[0].child);

  const std::vector<uint64_t> anchors = {1, 2};
  for (const uint32_t height : {0u, 2u}) {
    Root wrong = root;
    wrong.height = height;
    const auto refused = [&](const auto& answer) {
      EXPECT_FALSE(answer);
      EXPECT_EQ(answer.error().code, Code::kCorruption);
      EXPECT_NE(answer.error().message.find(root.page.text()), std::string::npos);
    };
    refused(forest.drive([&](const PageMap& p) { return find_entries(wrong, anchors, p); }));
    refused(forest.drive([&](const PageMap& p) { return find_range(wrong, 0, 9, p); }));
    refused(forest.drive([&](const PageMap& p) {
      return insert_entries(wrong, FieldId{1}, {leaf_entry(99, 5, 1, 2, false)}, Nonce{}, p);
    }));
    TreeCursor cursor(wrong, 0, 9);
    ASSERT_FALSE(cursor.next()->missing.empty());
    refused(cursor.feed(root.page, forest.written.at(root.page)));
  }
  TreeCursor cursor(root, 0, 9);
  ASSERT_TRUE(cursor.next());
  EXPECT_EQ(cursor.feed(entries[0].child, leaf).error().code, Code::kInternal);
}

}  // namespace
}  // namespace dreamdb
