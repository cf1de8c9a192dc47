// How bytes that were verified once are known again when they are read once more: by a tag that
// stays in memory, of any part of them.
//
// Poly1305 under a key that each process draws: who writes to the store knows neither key nor tags,
// and makes other bytes of n with the same tag with a chance of n / 2^104 (Bernstein, The
// Poly1305-AES message-authentication code, 2005). A third of the time of a content hash.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace dreamdb {

using MemoryTag = std::array<std::byte, 16>;

MemoryTag memory_tag(std::span<const std::byte> bytes);

}  // namespace dreamdb
