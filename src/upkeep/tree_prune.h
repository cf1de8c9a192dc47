// A tree without what is lost of it.
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "object/objects.h"

namespace dreamdb {

struct PrunedTree {
  std::optional<Root> root;           // nullopt: nothing is left
  std::vector<NewPage> pages;         // to be put
  std::vector<Entry> taken_segments;  // leaf entries that are gone
  std::vector<Entry> taken_pages;     // entries of pages that are gone with all below; the root's
                                      // without `seq` and statistics

  bool is_changed() const { return !taken_segments.empty() || !taken_pages.empty(); }
};

// `drops_page` and `drops_segment`: what goes. Other pages that cannot be read are an error. Reads
// every page that stays; a wave for each inner page.
Result<PrunedTree> prune_tree(Objects& objects, const Root& root, const Nonce& nonce,
                              const std::function<bool(const Address&)>& drops_page,
                              const std::function<bool(const Entry&)>& drops_segment);

}  // namespace dreamdb
