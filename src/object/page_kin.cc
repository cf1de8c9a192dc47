#include "object/page_kin.h"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace dreamdb {

namespace {

// Behind the head of an entry its first anchor stands, which tells most pages apart.
uint64_t beginning_of(std::span<const std::byte> entries) {
  constexpr size_t kAt = 2;
  uint64_t bytes = 0;
  if (entries.size() >= kAt + sizeof bytes) std::memcpy(&bytes, entries.data() + kAt, sizeof bytes);
  return bytes;
}

bool is_kin(const Page& page, std::span<const std::byte> entries, uint32_t height) {
  const std::span<const std::byte> first = page.encoded[0];
  return page.height == height && first.size() <= entries.size() &&
         std::memcmp(first.data(), entries.data(), first.size()) == 0;
}

}  // namespace

void PageKin::add(const PagePtr& page) {
  if (page->encoded.size() == 0) return;
  const std::span<const std::byte> first = page->encoded[0];
  const uint64_t beginning = beginning_of(first);
  const std::lock_guard lock(mutex_);
  // It takes the place of the one it replaces.
  const auto same = std::find_if(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    if (slot.beginning != beginning) return false;
    const PagePtr other = slot.page.lock();
    return other && is_kin(*other, first, page->height);
  });
  Slot& slot = same == slots_.end() ? slots_[next_++ % kPages] : *same;
  slot = {beginning, page};
}

PagePtr PageKin::find(std::span<const std::byte> entries, uint32_t height) const {
  const uint64_t beginning = beginning_of(entries);
  const std::lock_guard lock(mutex_);
  for (const Slot& slot : slots_) {
    if (slot.beginning != beginning) continue;
    PagePtr page = slot.page.lock();
    if (page && is_kin(*page, entries, height)) return page;
  }
  return nullptr;
}

}  // namespace dreamdb
