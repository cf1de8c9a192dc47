#include "upkeep/tree_prune.h"

#include "upkeep/tree_walk.h"

namespace dreamdb {

namespace {

class Pruner {
 public:
  Pruner(Objects& objects, const Nonce& nonce,
         const std::function<bool(const Address&)>& drops_page,
         const std::function<bool(const Entry&)>& drops_segment, PrunedTree& out)
      : objects_(objects),
        nonce_(nonce),
        drops_page_(drops_page),
        drops_segment_(drops_segment),
        out_(out) {}

  // The page that is left of the one at `above`, with its entry; nullopt: nothing is left.
  struct Left {
    PagePtr page;
    Entry entry;
  };
  Result<std::optional<Left>> prune(const Entry& above, uint32_t height) {
    if (drops_page_(above.child)) {
      out_.taken_pages.push_back(above);
      return std::optional<Left>();
    }
    PageMap pages;
    const PageRef ref{above.child, above.size};
    DREAMDB_TRY(objects_.pages({&ref, 1}, pages));
    PagePtr page = pages.find(above.child);
    DREAMDB_TRY(check_height(*page, above.child, height));
    std::vector<Entry> entries;
    DREAMDB_ASSIGN(const bool is_changed,
                   height == 0 ? prune_leaf(*page, entries) : prune_inner(*page, entries));
    if (!is_changed) return std::optional(Left{std::move(page), above});
    if (entries.empty()) return std::optional<Left>();
    return std::optional(write(height, std::move(entries)));
  }

 private:
  Result<bool> prune_leaf(const Page& page, std::vector<Entry>& entries) {
    for (const Entry& entry : page.entries)
      (drops_segment_(entry) ? out_.taken_segments : entries).push_back(entry);
    return entries.size() < page.entries.size();
  }

  Result<bool> prune_inner(const Page& page, std::vector<Entry>& entries) {
    std::vector<PageRef> below;
    for (const Entry& entry : page.entries)
      if (!drops_page_(entry.child)) below.push_back({entry.child, entry.size});
    PageMap pages;
    DREAMDB_TRY(objects_.pages(below, pages));
    bool is_changed = false;
    for (const Entry& entry : page.entries) {
      DREAMDB_ASSIGN(std::optional<Left> left, prune(entry, page.height - 1));
      is_changed = is_changed || !left || left->entry.child != entry.child;
      if (left) entries.push_back(std::move(left->entry));
    }
    return is_changed;
  }

  Left write(uint32_t height, std::vector<Entry> entries) {
    auto page = std::make_shared<const Page>(Page{nonce_, height, std::move(entries), {}});
    Buffer body = write_page(*page);
    const Address address = Address::of(body.span());
    Entry entry = summarize(*page, address, body.size());
    out_.pages.push_back({address, std::move(body), page});
    return {std::move(page), std::move(entry)};
  }

  Objects& objects_;
  const Nonce& nonce_;
  const std::function<bool(const Address&)>& drops_page_;
  const std::function<bool(const Entry&)>& drops_segment_;
  PrunedTree& out_;
};

}  // namespace

Result<PrunedTree> prune_tree(Objects& objects, const Root& root, const Nonce& nonce,
                              const std::function<bool(const Address&)>& drops_page,
                              const std::function<bool(const Entry&)>& drops_segment) {
  PrunedTree out;
  Pruner pruner(objects, nonce, drops_page, drops_segment, out);
  DREAMDB_ASSIGN(const auto left, pruner.prune(entry_of_root(root), root.height));
  if (!left) return out;
  out.root = out.is_changed()
                 ? root_of(*left->page, root.field, left->entry.child, left->entry.size)
                 : root;
  return out;
}

}  // namespace dreamdb
