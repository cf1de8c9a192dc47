#include "codec/bits.h"

#include <bit>
#include <cstring>

#include "base/assert.h"

namespace dreamdb {

namespace {

static_assert(std::endian::native == std::endian::little,
              "packed words are read in place as little-endian integers");

// A wider value may straddle nine bytes when it begins within a byte.
constexpr unsigned kOneWordWidthMax = 57;

constexpr uint64_t mask_of(unsigned width) { return width == 64 ? ~0ull : (1ull << width) - 1; }

uint64_t load_word(const std::byte* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// The value that begins at bit `bit`, read from nine bytes or, for narrow ones, from eight.
uint64_t extract(const std::byte* packed, uint64_t bit, unsigned width) {
  const unsigned shift = static_cast<unsigned>(bit % 8);
  uint64_t value = load_word(packed + bit / 8) >> shift;
  if (width > kOneWordWidthMax && shift + width > 64)
    value |= std::to_integer<uint64_t>(packed[bit / 8 + 8]) << (64 - shift);
  return value & mask_of(width);
}

}  // namespace

unsigned bit_width(uint64_t value) { return static_cast<unsigned>(std::bit_width(value)); }

void pack_bits(std::span<const uint64_t> values, unsigned width, std::byte* out) {
  DREAMDB_ASSERT(width <= 64);
  if (width == 0) return;
  uint64_t word = 0;
  unsigned filled = 0;
  for (const uint64_t value : values) {
    word |= value << filled;
    filled += width;
    if (filled < 64) continue;
    std::memcpy(out, &word, sizeof word);
    out += sizeof word;
    filled -= 64;
    // What did not fit; a shift by the whole width would be undefined.
    word = filled == 0 ? 0 : value >> (width - filled);
  }
  if (filled > 0) std::memcpy(out, &word, (filled + 7) / 8);
}

void unpack_bits(std::span<const std::byte> packed, unsigned width, std::span<uint64_t> values) {
  DREAMDB_ASSERT(width <= 64 && packed.size() == packed_size(values.size(), width));
  if (width == 0) {
    if (!values.empty()) std::memset(values.data(), 0, values.size_bytes());
    return;
  }
  // Values whose nine bytes lie inside are read in place, the few behind them from a padded copy.
  size_t i = 0;
  if (packed.size() >= 9) {
    const uint64_t in_place = ((packed.size() - 9) * 8 + 7) / width + 1;
    const size_t count = in_place < values.size() ? in_place : values.size();
    if (width <= kOneWordWidthMax) {
      const uint64_t mask = mask_of(width);
      uint64_t bit = 0;
      for (; i < count; ++i, bit += width)
        values[i] = load_word(packed.data() + bit / 8) >> (bit % 8) & mask;
    } else {
      for (; i < count; ++i) values[i] = extract(packed.data(), uint64_t{i} * width, width);
    }
  }
  if (i == values.size()) return;
  const uint64_t tail_at = uint64_t{i} * width / 8;
  std::byte tail[32] = {};
  DREAMDB_ASSERT(packed.size() - tail_at <= sizeof tail - 9);
  std::memcpy(tail, packed.data() + tail_at, packed.size() - tail_at);
  for (; i < values.size(); ++i)
    values[i] = extract(tail, uint64_t{i} * width - tail_at * 8, width);
}

bool padding_is_zero(std::span<const std::byte> packed, uint64_t count, unsigned width) {
  const unsigned used = static_cast<unsigned>(count % 8 * width % 8);
  return used == 0 || packed.empty() || std::to_integer<unsigned>(packed.back()) >> used == 0;
}

}  // namespace dreamdb
