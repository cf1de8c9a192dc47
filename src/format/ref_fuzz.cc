// Any bytes as a genesis or a ref: what is accepted has one encoding.
#include <algorithm>
#include <cstdlib>

#include "format/ref.h"

namespace {

bool same(const dreamdb::Buffer& written, std::span<const std::byte> bytes) {
  return std::ranges::equal(written.span(), bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto ref = dreamdb::parse_ref(bytes, "refs/main");
  if (ref && !same(write_ref(*ref), bytes)) std::abort();
  const auto genesis = dreamdb::parse_genesis(bytes, "genesis/x");
  if (genesis && !same(write_genesis(*genesis), bytes)) std::abort();
  return 0;
}
