// Fuzz target: any bytes are a version file or a typed error, and what is accepted is canonical.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "store/version_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  const auto header = dreamdb::parse_version_file(file, 258, "fuzz");
  if (!header) return 0;
  const auto written =
      dreamdb::write_version_header(*header, file.subspan(dreamdb::kVersionHeaderSize));
  DREAMDB_ASSERT(std::equal(written.begin(), written.end(), file.begin()));
  return 0;
}
