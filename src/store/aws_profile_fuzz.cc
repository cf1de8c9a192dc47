// Fuzz target: any bytes are profiles or a typed error that shows nothing of them.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "store/aws_profile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto profiles = dreamdb::parse_aws_profiles(text, "f");
  if (!profiles) {
    DREAMDB_ASSERT(profiles.error().message.size() < 120);
    return 0;
  }
  for (const auto& [name, profile] : *profiles) {
    DREAMDB_ASSERT(!name.empty());
    for (const auto& [key, value] : profile) DREAMDB_ASSERT(!key.empty() && value.size() <= size);
  }
  return 0;
}
