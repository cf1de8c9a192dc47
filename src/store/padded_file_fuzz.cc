// Fuzz target: any bytes are a padded file or a typed error, and what is accepted holds its body
// and nothing else.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "store/padded_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dreamdb::Buffer file = dreamdb::Buffer::copy_of(std::as_bytes(std::span(data, size)));
  const auto body = dreamdb::parse_padded_file(file, "fuzz");
  if (!body) return 0;
  const dreamdb::Buffer again = dreamdb::padded_file(*body, 0);
  const size_t said = dreamdb::kPaddedHeaderSize + body->size();
  DREAMDB_ASSERT(file.view().substr(0, said) == again.view().substr(0, said));
  DREAMDB_ASSERT(file.view().find_first_not_of('\0', said) == std::string_view::npos);
  return 0;
}
