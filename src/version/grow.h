// Trees with entries added to them, and those of a version with what a commit adds.
//
// Thread rule: one call at a time.
#pragma once

#include "version/commit.h"

namespace dreamdb {

// A tree (nullopt: empty) and leaf entries to add, whose `seq` is set, and to take out.
struct Growth {
  std::optional<Root> root;
  FieldId field{0};
  std::vector<Entry> entries;
  std::vector<Entry> removed = {};
};
struct GrownTrees {
  std::vector<std::optional<Root>> roots;  // of each growth; nullopt: empty
  std::vector<NewPage> pages;              // to be put
};
// Puts entries into their trees: one wave a level for all trees together, two where entries are
// taken out. `pages`: at hand; gets those that are read and made. NotFound: a tree lacks an entry
// that is to be taken out.
Result<GrownTrees> grow_trees(Objects& objects, std::span<const Growth> growths, const Nonce& nonce,
                              PageMap& pages);

// Adds the entries of `change` to the trees of `built.manifest`, and the new pages to `built`: one
// wave a level for all trees together. `pages`: at hand; gets those that are read and made.
Status grow(Objects& objects, const Change& change, const Nonce& nonce, PageMap& pages,
            Committer::Built& built);

}  // namespace dreamdb
