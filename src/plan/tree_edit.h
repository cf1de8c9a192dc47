// Entries taken out of a tree and put into it (spec chapter 6).
#pragma once

#include <optional>
#include <vector>

#include "plan/tree.h"

namespace dreamdb {

// The tree `root` (nullopt: empty) without the leaf entries `removed` and with `added`, each in any
// order; one that is in both is replaced. Entries of `removed` are found by `first`, `seq` and
// `child`. Only pages on the way are written anew; one that is left less than a quarter full joins
// its neighbour, which is read one round later, and a root with one entry gives way to what it
// names. So it takes at most twice as many rounds as the tree has levels.
// `root` of the answer: nullopt when no entry is left. NotFound: the tree lacks one of `removed`.
Result<Inserted> edit_entries(const std::optional<Root>& root, FieldId field,
                              std::vector<Entry> removed, std::vector<Entry> added,
                              const Nonce& nonce, const PageMap& pages);

}  // namespace dreamdb
