// Any bytes as a stored block of any codec: the raw bytes asked for, or an error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "codec/pack.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const auto codec = static_cast<dreamdb::Codec>(data[0] % 5);
  const auto item = static_cast<dreamdb::Item>(data[1] % 4);
  const uint64_t raw_size = data[2] | uint64_t{data[3]} << 8;
  const dreamdb::Buffer stored =
      dreamdb::Buffer::copy_of({reinterpret_cast<const std::byte*>(data + 4), size - 4});
  const auto raw = decode_block(codec, item, stored, raw_size);
  if (!raw) return raw.error().code == dreamdb::Code::kCorruption ? 0 : (std::abort(), 0);
  if (raw->size() != raw_size) std::abort();
  // What was decoded can be encoded, in no more bytes, and gives the same again.
  const dreamdb::Encoded again = encode_block(item, *raw, true);
  if (again.stored.size() > raw_size) std::abort();
  const auto back = decode_block(again.codec, item, again.stored, raw_size);
  if (!back || back->view() != raw->view()) std::abort();
  return 0;
}
