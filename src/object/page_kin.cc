#include "object/page_kin.h"

#include <algorithm>
#include <mutex>

namespace dreamdb {

namespace {

bool begins_with(std::span<const std::byte> bytes, std::span<const std::byte> item) {
  return item.size() <= bytes.size() && std::ranges::equal(bytes.first(item.size()), item);
}

bool is_kin(const Page& page, std::span<const std::byte> entries, uint32_t height) {
  return page.height == height && !page.encoded.empty() &&
         begins_with(entries, page.encoded.front().span());
}

}  // namespace

void PageKin::add(const PagePtr& page) {
  if (page->encoded.empty()) return;
  const std::lock_guard lock(mutex_);
  // It takes the place of the one it replaces.
  const auto same = std::find_if(pages_.begin(), pages_.end(), [&](const auto& weak) {
    const PagePtr other = weak.lock();
    return other && is_kin(*other, page->encoded.front().span(), page->height);
  });
  auto& place = same == pages_.end() ? pages_[next_++ % kPages] : *same;
  place = page;
}

PagePtr PageKin::find(std::span<const std::byte> entries, uint32_t height) const {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : pages_) {
    PagePtr page = weak.lock();
    if (page && is_kin(*page, entries, height)) return page;
  }
  return nullptr;
}

}  // namespace dreamdb
