// Any bytes as a session: what is accepted has one encoding.
#include <algorithm>
#include <cstdlib>

#include "format/session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto session = dreamdb::parse_session(bytes, "sessions/x");
  if (session && !std::ranges::equal(dreamdb::write_session(*session).span(), bytes)) std::abort();
  return 0;
}
