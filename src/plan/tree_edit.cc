#include "plan/tree_edit.h"

#include <algorithm>

#include "plan/tree_level.h"

namespace dreamdb {

namespace {

using Items = std::vector<LevelItem>;

// What is edited below some pages, ascending.
struct Edits {
  std::span<const Entry> removed, added;

  bool empty() const { return removed.empty() && added.empty(); }
  uint64_t first() const {
    if (removed.empty()) return added.front().first;
    return added.empty() ? removed.front().first
                         : std::min(removed.front().first, added.front().first);
  }
  // Takes those whose `first` is `anchor` off the front.
  Edits take(uint64_t anchor) {
    const auto cut = [&](std::span<const Entry>& entries) {
      size_t count = 0;
      while (count < entries.size() && entries[count].first == anchor) ++count;
      const auto front = entries.first(count);
      entries = entries.subspan(count);
      return front;
    };
    const Edits out{cut(removed), cut(added)};
    return out;
  }
  // With those that follow it directly.
  void extend(const Edits& next) {
    removed = {removed.empty() ? next.removed.data() : removed.data(),
               removed.size() + next.removed.size()};
    added = {added.empty() ? next.added.data() : added.data(), added.size() + next.added.size()};
  }
};

// Children [begin, end) of a level, among which the edits belong.
struct Cluster {
  size_t begin = 0, end = 0;
  Edits edits;
};

// Where an entry with this `first` stands or belongs: of several children that may hold it, all.
// Inner entries tell the first anchors of pages, and not which of the entries there comes first.
Cluster cluster_of(const Items& children, uint64_t first, const Edits& edits) {
  const auto anchor = [](const LevelItem& item) { return item.entry->first; };
  const auto lower = std::ranges::lower_bound(children, first, {}, anchor) - children.begin();
  const auto upper = std::ranges::upper_bound(children, first, {}, anchor) - children.begin();
  const auto before = [](ptrdiff_t at) { return static_cast<size_t>(std::max<ptrdiff_t>(at, 1)); };
  return {before(lower) - 1, before(upper), edits};
}

// One place of a level that is made anew: a page that stays as it is, or what pages are made of.
struct Piece {
  const LevelItem* kept = nullptr;
  Items contents = {};
};

class Editor {
 public:
  Editor(FieldId field, const Nonce& nonce, const PageMap& pages)
      : field_(field), writer_(nonce), pages_(pages) {}

  Result<Inserted> run(const std::optional<Root>& root, std::vector<Entry> removed,
                       std::vector<Entry> added) {
    std::sort(removed.begin(), removed.end(), entry_less);
    std::sort(added.begin(), added.end(), entry_less);
    Items top;
    uint32_t height = 0;
    if (!root) {
      DREAMDB_ASSIGN(top, edit_leaf({}, {removed, added}));
    } else {
      height = root->height;
      const PagePtr page = get({root->page, root->page_size});
      if (page != nullptr) {
        DREAMDB_TRY(check_height(*page, root->page, height));
        DREAMDB_ASSIGN(top, edit(writer_.items_of(*page), height, {removed, added}));
      }
    }
    if (out_.missing.empty() && !top.empty()) make_root(std::move(top), height);
    if (out_.missing.empty()) out_.pages = std::move(writer_.pages);
    return std::move(out_);
  }

 private:
  PagePtr get(const PageRef& ref) {
    PagePtr page = pages_.find(ref.address);
    if (page == nullptr &&
        std::ranges::find(out_.missing, ref.address, &PageRef::address) == out_.missing.end())
      out_.missing.push_back(ref);
    return page;
  }

  // `items`, which stand side by side at this height, after the edits.
  Result<Items> edit(const Items& items, uint32_t height, const Edits& edits) {
    return height == 0 ? edit_leaf(items, edits) : edit_inner(items, height, edits);
  }

  Result<Items> edit_leaf(const Items& items, const Edits& edits) {
    Items left;
    left.reserve(items.size() + edits.added.size());
    size_t next = 0;
    for (const LevelItem& item : items) {
      const bool is_removed = next < edits.removed.size() &&
                              !entry_less(*item.entry, edits.removed[next]) &&
                              !entry_less(edits.removed[next], *item.entry);
      if (is_removed) {
        ++next;
      } else {
        left.push_back(item);
      }
    }
    if (next < edits.removed.size())
      return fail(Code::kNotFound, "segments/" + edits.removed[next].child.text() +
                                       ": is not in the tree that it is to be taken out of");
    const size_t held = left.size();
    for (const Entry& entry : edits.added) left.push_back(writer_.item_of(entry, 0));
    std::inplace_merge(left.begin(), left.begin() + static_cast<ptrdiff_t>(held), left.end(),
                       item_less);
    return left;
  }

  Result<Items> edit_inner(const Items& items, uint32_t height, const Edits& edits) {
    std::vector<Piece> pieces;
    size_t at = 0;
    for (const Cluster& cluster : clusters_of(items, edits)) {
      for (; at < cluster.begin; ++at) pieces.push_back({&items[at]});
      Items below;
      for (; at < cluster.end; ++at) DREAMDB_TRY(add_items(items[at], height - 1, below));
      if (!out_.missing.empty()) continue;
      DREAMDB_ASSIGN(Items edited, edit(below, height - 1, cluster.edits));
      if (!edited.empty()) pieces.push_back({nullptr, std::move(edited)});
    }
    for (; at < items.size(); ++at) pieces.push_back({&items[at]});
    if (!out_.missing.empty()) return Items{};
    DREAMDB_TRY(join(pieces, height - 1));
    Items out;
    if (!out_.missing.empty()) return out;
    for (const Piece& piece : pieces) {
      if (piece.kept != nullptr) {
        out.push_back(*piece.kept);
        continue;
      }
      const Items parents = writer_.write(piece.contents, height - 1, false);
      out.insert(out.end(), parents.begin(), parents.end());
    }
    return out;
  }

  static std::vector<Cluster> clusters_of(const Items& items, Edits edits) {
    std::vector<Cluster> out;
    while (!edits.empty()) {
      const uint64_t first = edits.first();
      const Cluster next = cluster_of(items, first, edits.take(first));
      if (out.empty() || out.back().end <= next.begin) {
        out.push_back(next);
        continue;
      }
      out.back().end = std::max(out.back().end, next.end);
      out.back().edits.extend(next.edits);
    }
    return out;
  }

  // What stands in the page that `item` names.
  Status add_items(const LevelItem& item, uint32_t height, Items& out) {
    const PagePtr page = get({item.entry->child, item.entry->size});
    if (page == nullptr) return {};
    DREAMDB_TRY(check_height(*page, item.entry->child, height));
    const Items held = writer_.items_of(*page);
    out.insert(out.end(), held.begin(), held.end());
    return {};
  }

  // Puts what would be nearly empty pages together with what stands beside it.
  Status join(std::vector<Piece>& pieces, uint32_t height) {
    const size_t fill_min = page_room() / 4;
    for (size_t i = 0; i < pieces.size() && pieces.size() > 1;) {
      if (pieces[i].kept != nullptr || encoded_bytes(pieces[i].contents) >= fill_min) {
        ++i;
        continue;
      }
      const size_t left = i + 1 < pieces.size() ? i : i - 1;
      Items joined;
      for (const size_t of : {left, left + 1}) {
        Piece& piece = pieces[of];
        if (piece.kept != nullptr) {
          DREAMDB_TRY(add_items(*piece.kept, height, joined));
        } else {
          joined.insert(joined.end(), piece.contents.begin(), piece.contents.end());
        }
      }
      if (!out_.missing.empty()) {
        ++i;
        continue;
      }
      pieces[left] = {nullptr, std::move(joined)};
      pieces.erase(pieces.begin() + static_cast<ptrdiff_t>(left) + 1);
      i = left;
    }
    return {};
  }

  void make_root(Items top, uint32_t height) {
    while (!LevelWriter::fits(top, false)) {
      top = writer_.write(top, height, false);
      ++height;
    }
    // A page that would name only one is not written.
    while (height > 0 && top.size() == 1) {
      const PageRef only{top[0].entry->child, top[0].entry->size};
      const auto made = std::ranges::find(writer_.pages, only.address, &NewPage::address);
      const PagePtr page = made != writer_.pages.end() ? made->page : get(only);
      if (page == nullptr) return;
      --height;
      if (height == 0 || page->entries.size() > 1) {
        out_.root = root_of(*page, field_, only.address, only.size);
        return;
      }
      kept_.push_back(page);
      if (made != writer_.pages.end()) writer_.pages.erase(made);
      top = writer_.items_of(*page);
    }
    const LevelItem root = writer_.write_root(top, height);
    out_.root = root_of(*writer_.pages.back().page, field_, root.entry->child, root.entry->size);
  }

  FieldId field_;
  LevelWriter writer_;
  const PageMap& pages_;
  Inserted out_;
  std::vector<PagePtr> kept_;  // pages that items point into
};

}  // namespace

Result<Inserted> edit_entries(const std::optional<Root>& root, FieldId field,
                              std::vector<Entry> removed, std::vector<Entry> added,
                              const Nonce& nonce, const PageMap& pages) {
  if (removed.empty() && added.empty()) {
    Inserted unchanged;
    unchanged.root = root;
    return unchanged;
  }
  return Editor(field, nonce, pages).run(root, std::move(removed), std::move(added));
}

}  // namespace dreamdb
