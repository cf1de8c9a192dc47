#include <algorithm>

#include "plan/tree.h"
#include "plan/tree_edit.h"
#include "plan/tree_level.h"

namespace dreamdb {

namespace {

class Inserter {
 public:
  Inserter(FieldId field, const Nonce& nonce, const PageMap& pages)
      : field_(field), writer_(nonce), pages_(pages) {}

  // Whether pages alone did not tell where an entry belongs.
  bool is_unclear() const { return is_unclear_; }

  Result<Inserted> run(const std::optional<Root>& root, std::vector<Entry> entries) {
    std::sort(entries.begin(), entries.end(), entry_less);
    std::vector<LevelItem> top;
    uint32_t height = 0;
    if (root) {
      height = root->height;
      DREAMDB_ASSIGN(top, insert({root->page, root->page_size}, height, nullptr, entries));
    } else {
      std::vector<LevelItem> items;
      for (const Entry& entry : entries) items.push_back(writer_.item_of(entry, 0));
      top = write(items, 0, false, nullptr, {});
    }
    if (!out_.missing.empty()) return std::move(out_);
    while (top.size() > 1) {
      ++height;
      top = write(top, height, false, nullptr, {});
    }
    if (!top.empty()) {
      const Entry& only = *top[0].entry;
      out_.root = root_of(*writer_.pages.back().page, field_, only.child, only.size);
    }
    out_.pages = std::move(writer_.pages);
    return std::move(out_);
  }

 private:
  // Puts `entries` below the page `ref`, which `above` summarizes (nullptr: the root); the items
  // that replace the one that named it.
  Result<std::vector<LevelItem>> insert(const PageRef& ref, uint32_t height, const Entry* above,
                                        std::span<const Entry> entries) {
    const PagePtr page = pages_.find(ref.address);
    if (page == nullptr) {
      out_.missing.push_back(ref);
      return std::vector<LevelItem>{};
    }
    DREAMDB_TRY(check_height(*page, ref.address, height));
    if (height > 0) return insert_inner(*page, height, above, entries);
    const std::vector<LevelItem> held = writer_.items_of(*page);
    const bool at_end = !entry_less(entries.front(), page->entries.back());
    std::vector<LevelItem> added;
    for (const Entry& entry : entries) added.push_back(writer_.item_of(entry, 0));
    std::vector<LevelItem> merged;
    merged.reserve(held.size() + added.size());
    std::ranges::merge(held, added, std::back_inserter(merged), item_less);
    return write(merged, 0, at_end, above, entries);
  }

  Result<std::vector<LevelItem>> insert_inner(const Page& page, uint32_t height, const Entry* above,
                                              std::span<const Entry> entries) {
    const std::vector<LevelItem> held = writer_.items_of(page);
    std::vector<LevelItem> children;
    children.reserve(held.size() + 1);
    size_t from = 0;
    for (size_t i = 0; i < held.size(); ++i) {
      // Child i takes what sorts before the first anchor of child i + 1.
      size_t to = entries.size();
      if (i + 1 < held.size()) {
        const uint64_t bound = page.entries[i + 1].first;
        to = from;
        while (to < entries.size() && entries[to].first < bound) ++to;
        // Of several at one anchor the page that begins with it need not begin before this one.
        is_unclear_ = is_unclear_ || (to < entries.size() && entries[to].first == bound &&
                                      entries[to].seq <= page.entries[i + 1].seq);
      }
      if (to == from) {
        children.push_back(held[i]);
        continue;
      }
      const Entry& child = page.entries[i];
      DREAMDB_ASSIGN(
          std::vector<LevelItem> replaced,
          insert({child.child, child.size}, height - 1, &child, entries.subspan(from, to - from)));
      children.insert(children.end(), replaced.begin(), replaced.end());
      from = to;
    }
    if (!out_.missing.empty()) return std::vector<LevelItem>{};
    const bool at_end = entries.front().first >= page.entries.back().first;
    return write(children, height, at_end, above, entries);
  }

  // Pages that hold `items`; of the root, which nothing is `above`, no summary if it is one.
  std::vector<LevelItem> write(std::span<const LevelItem> items, uint32_t height, bool at_end,
                               const Entry* above, std::span<const Entry> added) {
    if (above == nullptr && LevelWriter::fits(items, at_end))
      return {writer_.write_root(items, height)};
    return writer_.write(items, height, at_end, above, added);
  }

  FieldId field_;
  LevelWriter writer_;
  const PageMap& pages_;
  bool is_unclear_ = false;
  Inserted out_;
};

}  // namespace

Result<Inserted> insert_entries(const std::optional<Root>& root, FieldId field,
                                std::vector<Entry> entries, const Nonce& nonce,
                                const PageMap& pages) {
  if (entries.empty()) {
    Inserted unchanged;
    unchanged.root = root;
    return unchanged;
  }
  Inserter inserter(field, nonce, pages);
  Result<Inserted> inserted = inserter.run(root, entries);
  if (!inserter.is_unclear()) return inserted;
  return edit_entries(root, field, {}, std::move(entries), nonce, pages);
}

}  // namespace dreamdb
