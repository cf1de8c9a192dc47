// Numbers and checksums of the small files that stores write of their own: version files and padded
// files.
//
// Thread rule: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dreamdb {

template <typename T>
void store_le(std::byte* to, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

template <typename T>
T load_le(const std::byte* from) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(std::to_integer<T>(from[i]) << (8 * i));
  }
  return value;
}

// FNV-1a, 64 bits. Each step is a bijection of the state, so one changed byte always shows.
inline uint64_t fnv1a(std::span<const std::byte> bytes, uint64_t state = 0xcbf29ce484222325u) {
  for (const std::byte byte : bytes) {
    state = (state ^ std::to_integer<uint64_t>(byte)) * 0x100000001b3u;
  }
  return state;
}

}  // namespace dreamdb
