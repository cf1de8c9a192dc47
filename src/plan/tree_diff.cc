#include "plan/tree_diff.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace dreamdb {

namespace {

struct Side {
  std::vector<EntryPtr> entries;  // of one level: children not yet compared below
  uint32_t height = 0;            // of the pages that `entries` name; meaningless at the leaves
  bool leaves = false;
};

EntryPtr root_entry(const Root& root) {
  auto entry = std::make_shared<Entry>();
  entry->child = root.page;
  entry->size = root.page_size;
  return entry;
}

// A segment may introduce its records in one tree and be a layer in another (spec 6.5).
auto identity(const EntryPtr& entry) {
  return std::tuple(entry->child, entry->seq, entry->records);
}

// Leaves out of both lists what stands in both.
void cancel_common(Side& left, Side& right) {
  std::set<std::tuple<Address, uint64_t, uint64_t>> in_left, common;
  for (const EntryPtr& e : left.entries) in_left.insert(identity(e));
  for (const EntryPtr& e : right.entries)
    if (in_left.contains(identity(e))) common.insert(identity(e));
  const auto is_common = [&](const EntryPtr& e) { return common.contains(identity(e)); };
  std::erase_if(left.entries, is_common);
  std::erase_if(right.entries, is_common);
}

Status expand(Side& side, const PageMap& pages, std::vector<PageRef>& missing) {
  std::vector<PageRef> level;
  for (const EntryPtr& entry : side.entries) level.push_back({entry->child, entry->size});
  DREAMDB_TRY(check_named_once(level));
  std::vector<EntryPtr> below;
  for (const EntryPtr& entry : side.entries) {
    const PagePtr page = pages.find(entry->child);
    if (page == nullptr) {
      missing.push_back({entry->child, entry->size});
      continue;
    }
    DREAMDB_TRY(check_height(*page, entry->child, side.height));
    for (const Entry& child : page->entries) below.emplace_back(page, &child);
  }
  side.entries = std::move(below);
  side.leaves = side.height == 0;
  if (!side.leaves) --side.height;
  return {};
}

}  // namespace

Result<TreeDiff> diff_trees(const Root* left_root, const Root* right_root, const PageMap& pages) {
  TreeDiff diff;
  Side left, right;
  left.leaves = left_root == nullptr;
  right.leaves = right_root == nullptr;
  if (left_root != nullptr) left = {{root_entry(*left_root)}, left_root->height, false};
  if (right_root != nullptr) right = {{root_entry(*right_root)}, right_root->height, false};
  // Roots have no seq of their own: equal pages are equal trees.
  if (left_root != nullptr && right_root != nullptr && left_root->page == right_root->page)
    return diff;
  while (!left.leaves || !right.leaves) {
    // The taller side goes down first, so that equal heights are compared.
    const bool go_left = !left.leaves && (right.leaves || left.height >= right.height);
    const bool go_right = !right.leaves && (left.leaves || right.height >= left.height);
    if (go_left) DREAMDB_TRY(expand(left, pages, diff.missing));
    diff.missing_left = diff.missing.size();
    if (go_right) DREAMDB_TRY(expand(right, pages, diff.missing));
    if (!diff.missing.empty()) return diff;
    if (left.leaves == right.leaves && (left.leaves || left.height == right.height))
      cancel_common(left, right);
  }
  diff.left_only = std::move(left.entries);
  diff.right_only = std::move(right.entries);
  return diff;
}

}  // namespace dreamdb
