// The trees of a version with what a commit adds to them.
//
// Thread rule: one call at a time.
#pragma once

#include "version/commit.h"

namespace dreamdb {

// Adds the entries of `change` to the trees of `built.manifest`, and the new pages to `built`: one
// wave a level for all trees together. `pages`: at hand; gets those that are read and made.
Status grow(Objects& objects, const Change& change, const Nonce& nonce, PageMap& pages,
            Committer::Built& built);

}  // namespace dreamdb
