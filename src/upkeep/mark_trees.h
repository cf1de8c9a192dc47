// Marks what a version names: its pages, segments and spatial indexes.
//
// A version differs from its neighbours by few pages. So its trees are compared with those of one
// that was marked before, and only what is new is read; where nothing is alike, each tree is walked
// once, as long as the pages that were seen can be remembered.
//
// Thread rule: one thread at a time.
#pragma once

#include <span>

#include "object/objects.h"
#include "upkeep/address_set.h"
#include "upkeep/hash_slice.h"
#include "upkeep/mark_filter.h"

namespace dreamdb {

class TreeMarker {
 public:
  // Marks in `filter` what is in `slice`. All must outlive this.
  TreeMarker(Objects& objects, MarkFilter& filter, const HashSlice& slice, SeenAddresses& seen)
      : objects_(objects), filter_(filter), slice_(slice), seen_(seen) {}

  // All below `manifest`; what `beside`, if given, names has been marked. Corruption: a page is
  // missing or damaged. Exhausted: the filter is full.
  Status mark(const Manifest& manifest, const Manifest* beside);
  // As much as there is: for a version of which pages may be missing, for nothing names it yet.
  Status mark_rest(const Manifest& manifest, const Manifest* beside);

  uint64_t pages() const { return pages_; }  // that were read

 private:
  struct Level {
    std::span<const PageRef> pages;
    uint32_t height = 0;
  };
  struct Below {
    std::vector<PageRef> added, replaced;
  };
  Status mark_roots(const Manifest& manifest, const Manifest* beside);
  Status walk(const Level& level, const Level& beside);
  Result<Below> look(const Level& chunk, std::span<const PageRef> beside);
  Status fetch(std::span<const PageRef> pages, PageMap& into);
  void mark_address(const Address& address);

  Objects& objects_;
  MarkFilter& filter_;
  const HashSlice slice_;
  SeenAddresses& seen_;
  bool may_miss_ = false;
  uint64_t pages_ = 0;
};

}  // namespace dreamdb
