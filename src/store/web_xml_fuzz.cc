// Fuzz target: any bytes are the listing of a folder or a typed error.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "store/web_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  if (const auto entries = dreamdb::parse_web_listing(xml, "/x/")) {
    for (const auto& entry : *entries) {
      DREAMDB_ASSERT(!entry.name.empty());
      DREAMDB_ASSERT(entry.name.find('/') == std::string::npos);
    }
  }
  DREAMDB_ASSERT(dreamdb::uri_unescape(xml).size() <= xml.size());
  return 0;
}
