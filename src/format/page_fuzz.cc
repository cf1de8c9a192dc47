// Any bytes as a page: what is accepted has one encoding, and the entry above it is accepted too.
#include <algorithm>
#include <cstdlib>

#include "format/limits.h"
#include "format/page.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  auto page = dreamdb::parse_page(bytes, "pages/x");
  if (!page) return 0;
  page->encoded = {};  // encode anew
  if (!std::ranges::equal(write_page(*page).span(), bytes)) std::abort();
  size_t entries = 0;
  for (const auto& entry : page->entries) entries += encode_entry(entry, page->height).size();
  if (entries >= size) std::abort();
  const dreamdb::Entry sum = summarize(*page, dreamdb::Address::of(bytes), size);
  for (const auto& entry : page->entries)
    if (entry.first < sum.first || entry.last > sum.last || entry.seq > sum.seq) std::abort();
  return 0;
}
