// Fuzz target: any bytes are a reply of S3 or a typed error.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "store/s3_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  if (const auto error = dreamdb::parse_s3_error(xml)) DREAMDB_ASSERT(!error->code.empty());
  if (const auto listing = dreamdb::parse_s3_listing(xml)) {
    DREAMDB_ASSERT(!listing->truncated || !listing->next_token.empty());
    for (const auto& object : listing->objects) DREAMDB_ASSERT(!object.key.empty());
  }
  if (const auto id = dreamdb::parse_s3_upload_id(xml)) DREAMDB_ASSERT(!id->empty());
  (void)dreamdb::parse_s3_delete_result(xml);
  (void)dreamdb::parse_s3_completed(xml);
  (void)dreamdb::parse_s3_time(xml);
  return 0;
}
