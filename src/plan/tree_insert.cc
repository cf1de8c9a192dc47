#include <algorithm>

#include "plan/tree.h"

namespace dreamdb {

namespace {

// What the envelope, the height and the array heads of a page take at most.
constexpr size_t kPageOverheadBytes = 96;

class Inserter {
 public:
  Inserter(FieldId field, const Nonce& nonce, const PageMap& pages)
      : field_(field), nonce_(nonce), pages_(pages) {}

  Result<Inserted> run(const std::optional<Root>& root, std::vector<Entry> entries) {
    std::sort(entries.begin(), entries.end(), entry_less);
    std::vector<Entry> top;
    uint32_t height = 0;
    if (root) {
      height = root->height;
      DREAMDB_ASSIGN(top, insert({root->page, root->page_size}, height, entries));
    } else {
      top = write_level(std::move(entries), 0, false);
    }
    if (!out_.missing.empty()) {
      out_.pages.clear();
      return std::move(out_);
    }
    while (top.size() > 1) {
      ++height;
      top = write_level(std::move(top), height, false);
    }
    if (!top.empty())
      out_.root = root_of(*out_.pages.back().page, field_, top[0].child, top[0].size);
    return std::move(out_);
  }

 private:
  // Puts `entries` below the page `ref`; the entries that replace the one that named it.
  Result<std::vector<Entry>> insert(const PageRef& ref, uint32_t height,
                                    std::span<const Entry> entries) {
    const PagePtr page = pages_.find(ref.address);
    if (page == nullptr) {
      out_.missing.push_back(ref);
      return std::vector<Entry>{};
    }
    DREAMDB_TRY(check_height(*page, ref.address, height));
    if (height == 0) {
      std::vector<Entry> merged(page->entries.size() + entries.size());
      std::merge(page->entries.begin(), page->entries.end(), entries.begin(), entries.end(),
                 merged.begin(), entry_less);
      const bool at_end = !entry_less(entries.front(), page->entries.back());
      return write_level(std::move(merged), 0, at_end);
    }
    return insert_inner(*page, height, entries);
  }

  Result<std::vector<Entry>> insert_inner(const Page& page, uint32_t height,
                                          std::span<const Entry> entries) {
    std::vector<Entry> children;
    children.reserve(page.entries.size() + 1);
    size_t from = 0;
    for (size_t i = 0; i < page.entries.size(); ++i) {
      // Child i takes what sorts before the first anchor of child i + 1.
      size_t to = entries.size();
      if (i + 1 < page.entries.size()) {
        const uint64_t bound = page.entries[i + 1].first;
        to = from;
        while (to < entries.size() && entries[to].first < bound) ++to;
      }
      if (to == from) {
        children.push_back(page.entries[i]);
        continue;
      }
      DREAMDB_ASSIGN(std::vector<Entry> replaced,
                     insert({page.entries[i].child, page.entries[i].size}, height - 1,
                            entries.subspan(from, to - from)));
      std::move(replaced.begin(), replaced.end(), std::back_inserter(children));
      from = to;
    }
    if (!out_.missing.empty()) return std::vector<Entry>{};
    const bool at_end = entries.front().first >= page.entries.back().first;
    return write_level(std::move(children), height, at_end);
  }

  // Writes pages that hold `entries`; the entries of the level above. A page that overflows is cut
  // in two halves, or, when it grew at its end, cut off full: time goes on, so the left part will
  // not grow again.
  std::vector<Entry> write_level(std::vector<Entry> entries, uint32_t height, bool at_end) {
    std::vector<size_t> sizes(entries.size());
    size_t left_bytes = 0;
    for (size_t i = 0; i < entries.size(); ++i)
      left_bytes += sizes[i] = encoded_entry_bytes(entries[i], height);
    constexpr size_t kRoom = kPageTargetBytes - kPageOverheadBytes;
    std::vector<Entry> parents;
    size_t begin = 0;
    while (begin < entries.size()) {
      const size_t pages_left = (left_bytes + kRoom - 1) / kRoom;
      const size_t goal = at_end || pages_left <= 1 ? kRoom : left_bytes / pages_left;
      size_t end = begin;
      size_t used = 0;
      while (end < entries.size() &&
             (end == begin || (used + sizes[end] <= kRoom && used < goal))) {
        used += sizes[end++];
      }
      left_bytes -= used;
      parents.push_back(write(height, {std::make_move_iterator(entries.begin() + begin),
                                       std::make_move_iterator(entries.begin() + end)}));
      begin = end;
    }
    return parents;
  }

  Entry write(uint32_t height, std::vector<Entry> entries) {
    auto page = std::make_shared<Page>(Page{nonce_, height, std::move(entries)});
    Buffer body = write_page(*page);
    const Address address = Address::of(body.span());
    Entry parent = summarize(*page, address, body.size());
    out_.pages.push_back({address, std::move(body), std::move(page)});
    return parent;
  }

  FieldId field_;
  const Nonce& nonce_;
  const PageMap& pages_;
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
  return Inserter(field, nonce, pages).run(root, std::move(entries));
}

}  // namespace dreamdb
