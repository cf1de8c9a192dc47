#include "upkeep/hash_slice.h"

#include <algorithm>

namespace dreamdb {

namespace {

constexpr uint32_t kDigits = 32;

// Base32 digits in the order of their characters: "2" to "7" are the values 26 to 31.
constexpr uint32_t value_of_rank(uint32_t rank) { return rank < 6 ? rank + 26 : rank - 6; }
char digit_of(uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '2' + (value - 26));
}

// The text of an address is "d" for the first 5 bits of 0x1e, a digit for its last 3 bits, which
// are 110, and 2 bits of the hash, and a digit for each 5 bits that follow.
struct Block {
  uint32_t number;
  std::string text;  // what addresses of the block begin with
};

// All blocks in the order of their texts.
std::vector<Block> blocks_by_text() {
  std::vector<Block> out;
  for (uint32_t first = 0; first < kDigits; ++first) {
    const uint32_t high = value_of_rank(first);
    if (high < 24 || high > 27) continue;  // 110xx
    for (uint32_t second = 0; second < kDigits; ++second)
      for (uint32_t third = 0; third < kDigits; ++third) {
        const uint32_t middle = value_of_rank(second), low = value_of_rank(third);
        const uint32_t number = (high - 24) << 10 | middle << 5 | low;
        out.push_back({number, {'d', digit_of(high), digit_of(middle), digit_of(low)}});
      }
  }
  return out;
}

}  // namespace

bool HashSlice::has(const Address& address) const {
  const uint32_t block = std::to_integer<uint32_t>(address.hash[0]) << 4 |
                         std::to_integer<uint32_t>(address.hash[1]) >> 4;
  return block >= begin && block < end;
}

HashSlice part_of(const HashSlice& slice, uint64_t index, uint64_t of) {
  const uint64_t blocks = slice.end - slice.begin;
  return {slice.begin + static_cast<uint32_t>(blocks * index / of),
          slice.begin + static_cast<uint32_t>(blocks * (index + 1) / of)};
}

std::vector<KeyRange> ranges_of(std::string_view folder, const HashSlice& slice) {
  static const std::vector<Block> blocks = blocks_by_text();
  const std::string root(folder);
  std::vector<KeyRange> out;
  bool is_open = false;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const bool has = blocks[i].number >= slice.begin && blocks[i].number < slice.end;
    if (has == is_open) continue;
    const std::string edge = root + (i == 0 ? "" : blocks[i].text);
    if (has) {
      out.push_back({edge, ""});
    } else {
      out.back().last = edge;
    }
    is_open = has;
  }
  return out;
}

}  // namespace dreamdb
