#include "upkeep/tree_walk.h"

#include <algorithm>
#include <span>
#include <vector>

namespace dreamdb {

namespace {

constexpr size_t kPagesAtOnce = 64;

class TreeWalk {
 public:
  TreeWalk(Objects& objects, const TreeVisitor& visitor) : objects_(objects), visitor_(visitor) {}

  // Reads pages of one level in one wave and visits what is below them.
  Status visit_all(std::span<const NamedPage> named) {
    std::vector<const NamedPage*> wanted;
    std::vector<PageRef> refs;
    for (const NamedPage& page : named) {
      if (!visitor_.wants(page)) continue;
      wanted.push_back(&page);
      refs.push_back({page.above.child, page.above.size});
    }
    PageMap pages;
    (void)objects_.pages(refs, pages);  // what is not there then is asked for alone
    for (size_t i = 0; i < wanted.size(); ++i) {
      const PagePtr page = pages.find(refs[i].address);
      DREAMDB_TRY(page != nullptr ? visit(*wanted[i], page) : lose(*wanted[i], refs[i]));
    }
    return {};
  }

 private:
  Status visit(const NamedPage& named, const PagePtr& page) {
    DREAMDB_ASSIGN(const bool goes_on, visitor_.on_page(named, page));
    if (!goes_on) return {};
    if (page->height == 0) {
      for (const Entry& entry : page->entries)
        DREAMDB_TRY(visitor_.on_leaf(EntryPtr(page, &entry)));
      return {};
    }
    std::vector<NamedPage> below;
    for (const Entry& entry : page->entries) below.push_back({entry, false, page->height - 1});
    for (size_t begin = 0; begin < below.size(); begin += kPagesAtOnce)
      DREAMDB_TRY(
          visit_all(std::span(below).subspan(begin, std::min(kPagesAtOnce, below.size() - begin))));
    return {};
  }

  // Asks for one page alone, to learn what is wrong with it.
  Status lose(const NamedPage& named, const PageRef& ref) {
    PageMap pages;
    const Status status = objects_.pages({&ref, 1}, pages);
    if (status) return visit(named, pages.find(ref.address));
    if (status.error().code != Code::kCorruption) return status;
    return visitor_.on_lost(named, status.error());
  }

  Objects& objects_;
  const TreeVisitor& visitor_;
};

}  // namespace

Entry entry_of_root(const Root& root) {
  Entry out;
  out.first = root.first;
  out.last = root.last;
  out.rows = root.rows;
  out.records = root.records;
  out.segments = root.segments;
  out.bytes = root.bytes;
  out.child = root.page;
  out.size = root.page_size;
  return out;
}

Status walk_tree(Objects& objects, const Root& root, const TreeVisitor& visitor) {
  const NamedPage top{entry_of_root(root), true, root.height};
  return TreeWalk(objects, visitor).visit_all({&top, 1});
}

}  // namespace dreamdb
