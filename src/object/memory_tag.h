// How bytes that were verified once are known again when they are read once more: by a tag that
// stays in memory, of any part of them.
//
// Poly1305 under a random key: who writes to the store knows neither key nor tags, and makes other
// bytes of n with the same tag with a chance of n / 2^104 (Bernstein, The Poly1305-AES
// message-authentication code, 2005). A third of the time of a content hash.
//
// Thread rule: immutable once made; every call may come from any thread, also in a child after
// fork().
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "runtime/runtime.h"

namespace dreamdb {

using MemoryTag = std::array<std::byte, 16>;

class MemoryTags {
 public:
  // Draws the key.
  explicit MemoryTags(Runtime& runtime = real_runtime());
  ~MemoryTags();
  MemoryTags(const MemoryTags&) = delete;
  MemoryTags& operator=(const MemoryTags&) = delete;

  MemoryTag of(std::span<const std::byte> bytes) const;

 private:
  struct Prepared;
  std::unique_ptr<const Prepared> prepared_;  // nullptr: OpenSSL has no Poly1305 here
};

}  // namespace dreamdb
