// The pages that were read or written last, to parse those that replace them by what they share.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "format/page.h"
#include "plan/tree.h"
#include "runtime/fork.h"

namespace dreamdb {

class PageKin {
 public:
  void add(const PagePtr& page);
  // One whose first entry is what `entries` begins with; nullptr: none that is still in use.
  PagePtr find(std::span<const std::byte> entries, uint32_t height) const;

 private:
  // Two levels of a few tracks, for each of the places where a few dozen writers append.
  static constexpr size_t kPages = 64;

  struct Slot {
    uint64_t beginning = 0;          // of its entries: what a search looks at first
    std::weak_ptr<const Page> page;  // the cache keeps it, not this
  };

  mutable ForkSafeMutex mutex_;
  std::array<Slot, kPages> slots_;
  size_t next_ = 0;
};

}  // namespace dreamdb
