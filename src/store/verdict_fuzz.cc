// Fuzz target: any bytes are a verdict, written again as they were, or none.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "store/shared_writing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto verdict = dreamdb::parse_verdict(text))
    DREAMDB_ASSERT(dreamdb::write_verdict(*verdict) == text);
  return 0;
}
