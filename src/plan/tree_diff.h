// What one tree has and another lacks, by equal addresses (spec chapter 6).
#pragma once

#include <optional>
#include <vector>

#include "plan/tree.h"

namespace dreamdb {

struct TreeDiff {
  std::vector<PageRef> missing;     // not empty: fetch these and call again
  size_t missing_left = 0;          // how many of them, the first ones, are of the left tree
  std::vector<EntryPtr> left_only;  // leaf entries
  std::vector<EntryPtr> right_only;
};

// Subtrees with equal addresses are never read: the cost follows the difference.
Result<TreeDiff> diff_trees(const Root* left, const Root* right, const PageMap& pages);

}  // namespace dreamdb
