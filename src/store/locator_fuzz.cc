// Fuzz target: no text makes the parsers of locators, refs and keys misbehave.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "store/key.h"
#include "store/locator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto locator = dreamdb::parse_locator(text)) {
    DREAMDB_ASSERT(dreamdb::check_key("refs/" + locator->ref).has_value());
    const auto again = dreamdb::parse_locator(locator->store_url + "@" + locator->ref);
    DREAMDB_ASSERT(again && again->store_url == locator->store_url && again->ref == locator->ref);
  }
  if (dreamdb::check_key(text)) {
    DREAMDB_ASSERT(("/" + std::string(text) + "/").find("/.") == std::string::npos);
  }
  return 0;
}
