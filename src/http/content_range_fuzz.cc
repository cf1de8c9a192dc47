// Fuzz target: any bytes are a range that holds together, or none.
#include <cstddef>

#include "base/assert.h"
#include "http/content_range.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto range = dreamdb::parse_content_range(text))
    DREAMDB_ASSERT(range->first <= range->last && range->last < range->total);
  (void)dreamdb::parse_unsatisfied_range(text);
  return 0;
}
