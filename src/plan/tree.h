// Finding and inserting segments in a track's B-tree, as pure functions over the pages at hand
// (spec chapter 6).
//
// Each function is called with the pages fetched so far; it answers, or names the pages that it
// misses, all those of one level at a time. The caller fetches them in one wave and calls again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "dreamdb/result.h"
#include "format/page.h"

namespace dreamdb {

using PagePtr = std::shared_ptr<const Page>;
using EntryPtr = std::shared_ptr<const Entry>;  // keeps its page alive

struct PageRef {
  Address address;
  uint64_t size = 0;
};

class PageMap {
 public:
  PagePtr find(const Address& address) const {
    const auto it = pages_.find(address);
    return it == pages_.end() ? nullptr : it->second;
  }
  void add(const Address& address, PagePtr page) { pages_[address] = std::move(page); }

 private:
  std::unordered_map<Address, PagePtr> pages_;
};

struct Found {
  std::vector<PageRef> missing;   // not empty: fetch these and call again
  std::vector<EntryPtr> entries;  // leaf entries in tree order
};

// Leaf entries whose range [first, last] holds at least one of `anchors` (ascending).
Result<Found> find_entries(const Root& root, std::span<const uint64_t> anchors,
                           const PageMap& pages);
// Leaf entries whose range meets [first, last].
Result<Found> find_range(const Root& root, uint64_t first, uint64_t last, const PageMap& pages);

struct NewPage {
  Address address;
  Buffer body;
  PagePtr page;
};

struct Inserted {
  std::vector<PageRef> missing;  // not empty: fetch these and call again
  std::vector<NewPage> pages;    // to be put
  std::optional<Root> root;      // nullopt only if there was no root and no entry
};

// The tree `root` (nullopt: empty) with `entries` added, in any order. Only the pages on the way
// to the entries are written anew.
Result<Inserted> insert_entries(const std::optional<Root>& root, FieldId field,
                                std::vector<Entry> entries, const Nonce& nonce,
                                const PageMap& pages);

// Walks the leaf entries that meet [first, last] in tree order, holding one page a level.
class TreeCursor {
 public:
  // `keep`, when given, is asked for inner and leaf entries: false leaves out all below.
  TreeCursor(const Root& root, uint64_t first, uint64_t last,
             std::function<bool(const Entry&)> keep = nullptr);

  struct Step {
    std::vector<PageRef> missing;  // not empty: fetch at least the first, `feed` it, call again
    EntryPtr entry;                // nullptr with nothing missing: the end
  };
  // Corruption: an entry does not stand after the one before it (S6.1).
  Result<Step> next();
  Status feed(const Address& address, PagePtr page);

 private:
  struct Level {
    PagePtr page;
    size_t at = 0;
  };
  bool wanted(const Entry& entry) const;

  uint64_t first_, last_;
  std::function<bool(const Entry&)> keep_;
  std::optional<PageRef> want_;
  uint32_t want_height_ = 0;
  EntryPtr last_entry_;
  std::vector<Level> stack_;
};

// Checks that a fetched page stands at the height that its parent expects.
Status check_height(const Page& page, const Address& address, uint32_t expected);

// Corruption when two entries of a level name the same page (S6.1). Without this a few pages that
// name each other many times would unfold into more entries than there is memory.
Status check_named_once(std::span<const PageRef> level);

}  // namespace dreamdb
