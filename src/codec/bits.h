// Bit packing: integers of a fixed width one after the other, least significant bit first.
#pragma once

#include <cstdint>
#include <span>

namespace dreamdb {

// Bytes of `count` values of `width` bits (0 to 64).
constexpr uint64_t packed_size(uint64_t count, unsigned width) {
  // In two parts, so that no count below 2^61 overflows.
  return count / 8 * width + (count % 8 * width + 7) / 8;
}

// Bits that `value` needs: 0 for 0.
unsigned bit_width(uint64_t value);

// values: each below 2^width. out: packed_size(values.size(), width) bytes, all written; unused
// bits of the last byte are zero.
void pack_bits(std::span<const uint64_t> values, unsigned width, std::byte* out);

// packed: packed_size(values.size(), width) bytes. Reads nothing behind them.
void unpack_bits(std::span<const std::byte> packed, unsigned width, std::span<uint64_t> values);

// Whether the bits behind the last of `count` values are zero.
bool padding_is_zero(std::span<const std::byte> packed, uint64_t count, unsigned width);

}  // namespace dreamdb
