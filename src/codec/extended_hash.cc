#include "codec/extended_hash.h"

#include <blake3.h>

#include "codec/address.h"

namespace dreamdb {

void blake3_extended(std::span<const std::byte> bytes, std::span<std::byte> out) {
  // The first hash of a process must be known to be over (address.cc).
  [[maybe_unused]] static const Hash first = blake3(std::span<const std::byte>());
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
  blake3_hasher_finalize(&hasher, reinterpret_cast<uint8_t*>(out.data()), out.size());
}

}  // namespace dreamdb
