// Trees with entries added to them, and those of a version with what a commit adds.
//
// Thread rule: one call at a time.
#pragma once

#include "version/commit.h"

namespace dreamdb {

// A tree (nullopt: empty) and leaf entries to add, whose `seq` is set.
struct Growth {
  std::optional<Root> root;
  FieldId field{0};
  std::vector<Entry> entries;
};
struct GrownTrees {
  std::vector<std::optional<Root>> roots;  // of each growth; nullopt: still empty
  std::vector<NewPage> pages;              // to be put
};
// Puts entries into their trees: one wave a level for all trees together. `pages`: at hand; gets
// those that are read and made.
Result<GrownTrees> grow_trees(Objects& objects, std::span<const Growth> growths, const Nonce& nonce,
                              PageMap& pages);

// Adds the entries of `change` to the trees of `built.manifest`, and the new pages to `built`: one
// wave a level for all trees together. `pages`: at hand; gets those that are read and made.
Status grow(Objects& objects, const Change& change, const Nonce& nonce, PageMap& pages,
            Committer::Built& built);

}  // namespace dreamdb
