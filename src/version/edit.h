// Trees of a version with entries taken out and put in.
//
// Thread rule: one call at a time.
#pragma once

#include "version/commit.h"

namespace dreamdb {

// The entry of `replaced` that tells that `entry` was taken out of a tree (spec 6.7).
Entry replaced_entry(const Entry& entry);

// Carries out the edits on the trees of `built.manifest`, and adds the new pages to `built`: two
// waves a level at most for all trees together. `pages`: at hand; gets those that are read and
// made. NotFound: a tree lacks an entry that is to be taken out.
Status edit_trees(Objects& objects, std::span<const TreeEdit> edits, const Nonce& nonce,
                  PageMap& pages, Committer::Built& built);

}  // namespace dreamdb
