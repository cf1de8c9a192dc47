#include "codec/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace dreamdb {

namespace {

// Bytes of the sequence that begins at `p`, 0 when it is not valid. `left` is at least 1.
size_t sequence_size(const uint8_t* p, size_t left) {
  const uint8_t lead = p[0];
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || left < size) return 0;
  for (size_t i = 1; i < size; ++i)
    if ((p[i] & 0xc0) != 0x80) return 0;
  // The second byte keeps out overlong forms, surrogates and what lies above U+10FFFF.
  if (lead == 0xe0 && p[1] < 0xa0) return 0;
  if (lead == 0xed && p[1] > 0x9f) return 0;
  if (lead == 0xf0 && p[1] < 0x90) return 0;
  if (lead == 0xf4 && p[1] > 0x8f) return 0;
  return size;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const uint8_t*>(text.data());
  size_t left = text.size();
  while (left > 0) {
    uint64_t word;
    while (left >= sizeof word) {
      std::memcpy(&word, p, sizeof word);
      if ((word & 0x8080808080808080u) != 0) break;
      p += sizeof word;
      left -= sizeof word;
    }
    if (left == 0) break;
    const size_t size = sequence_size(p, left);
    if (size == 0) return false;
    p += size;
    left -= size;
  }
  return true;
}

bool has_control_character(std::string_view utf8) {
  return std::ranges::any_of(utf8,
                             [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
}

}  // namespace dreamdb
