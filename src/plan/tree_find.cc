#include <algorithm>
#include <unordered_set>

#include "plan/tree.h"

namespace dreamdb {

namespace {

// Visits the entries for which `wanted` holds, level by level from `root`.
template <typename Wanted>
Result<Found> find_where(const Root& root, const PageMap& pages, const Wanted& wanted) {
  std::vector<PageRef> level = {{root.page, root.page_size}};
  for (uint32_t height = root.height;; --height) {
    Found found;
    std::vector<PageRef> below;
    for (const PageRef& ref : level) {
      const PagePtr page = pages.find(ref.address);
      if (page == nullptr) {
        found.missing.push_back(ref);
        continue;
      }
      DREAMDB_TRY(check_height(*page, ref.address, height));
      for (const Entry& entry : page->entries) {
        if (!wanted(entry)) continue;
        if (height == 0) {
          found.entries.emplace_back(page, &entry);
        } else {
          below.push_back({entry.child, entry.size});
        }
      }
    }
    if (!found.missing.empty()) {
      found.entries.clear();
      return found;
    }
    if (height == 0) return found;
    DREAMDB_TRY(check_named_once(below));
    level = std::move(below);
  }
}

}  // namespace

Status check_named_once(std::span<const PageRef> level) {
  if (level.size() < 2) return {};
  std::unordered_set<Address> seen;
  for (const PageRef& ref : level)
    if (!seen.insert(ref.address).second)
      return fail(Code::kCorruption, "pages/" + ref.address.text() +
                                         ": stands in its tree at two places; restore the pages "
                                         "that name it from a copy");
  return {};
}

Status check_height(const Page& page, const Address& address, uint32_t expected) {
  if (page.height == expected) return {};
  return fail(Code::kCorruption, "pages/" + address.text() + ": height " +
                                     std::to_string(page.height) + " where its parent says " +
                                     std::to_string(expected) + "; restore the object from a copy");
}

Result<Found> find_entries(const Root& root, std::span<const uint64_t> anchors,
                           const PageMap& pages) {
  return find_where(root, pages, [anchors](const Entry& entry) {
    const auto it = std::lower_bound(anchors.begin(), anchors.end(), entry.first);
    return it != anchors.end() && *it <= entry.last;
  });
}

Result<Found> find_range(const Root& root, uint64_t first, uint64_t last, const PageMap& pages) {
  return find_where(root, pages, [first, last](const Entry& entry) {
    return entry.first <= last && entry.last >= first;
  });
}

TreeCursor::TreeCursor(const Root& root, uint64_t first, uint64_t last,
                       std::function<bool(const Entry&)> keep)
    : first_(first),
      last_(last),
      keep_(std::move(keep)),
      want_(PageRef{root.page, root.page_size}),
      want_height_(root.height) {}

bool TreeCursor::wanted(const Entry& entry) const {
  return entry.first <= last_ && entry.last >= first_ && (keep_ == nullptr || keep_(entry));
}

Result<TreeCursor::Step> TreeCursor::next() {
  constexpr size_t kReadAhead = 8;  // pages asked for at once: the current one and its siblings
  Step step;
  for (;;) {
    if (want_) {
      step.missing.push_back(*want_);
      if (!stack_.empty()) {
        const Level& top = stack_.back();
        for (size_t i = top.at; i < top.page->entries.size() && step.missing.size() < kReadAhead;
             ++i) {
          const Entry& entry = top.page->entries[i];
          if (wanted(entry)) step.missing.push_back({entry.child, entry.size});
        }
      }
      return step;
    }
    if (stack_.empty()) return step;
    Level& top = stack_.back();
    if (top.at == top.page->entries.size()) {
      stack_.pop_back();
      continue;
    }
    const Entry& entry = top.page->entries[top.at++];
    if (!wanted(entry)) continue;
    if (top.page->height == 0) {
      step.entry = EntryPtr(top.page, &entry);
      if (last_entry_ != nullptr && !entry_less(*last_entry_, entry))
        return fail(Code::kCorruption, "segments/" + entry.child.text() +
                                           ": stands in its tree out of order, or twice; restore "
                                           "the pages that name it from a copy");
      last_entry_ = step.entry;
      return step;
    }
    want_ = PageRef{entry.child, entry.size};
    want_height_ = top.page->height - 1;
  }
}

Status TreeCursor::feed(const Address& address, PagePtr page) {
  if (!want_ || want_->address != address)
    return fail(Code::kInternal, "a page was fed that the cursor did not ask for");
  DREAMDB_TRY(check_height(*page, address, want_height_));
  stack_.push_back({std::move(page), 0});
  want_.reset();
  return {};
}

}  // namespace dreamdb
