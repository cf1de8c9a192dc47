#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/assert.h"
#include "codec/cbor.h"

namespace dreamdb {

namespace {

// The f16 of the same value, if there is one.
bool as_half(float value, uint16_t& half) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const int exponent = static_cast<int>(bits >> 23 & 0xff) - 127;
  const uint32_t fraction = bits & 0x7fffff;
  if (exponent == 128) {  // infinity; NaN is written before
    half = sign | 0x7c00;
    return fraction == 0;
  }
  if (exponent >= -14 && exponent <= 15) {
    half = static_cast<uint16_t>(sign | (exponent + 15) << 10 | fraction >> 13);
    return (fraction & 0x1fff) == 0;
  }
  if (exponent == -127 && fraction == 0) {
    half = sign;
    return true;
  }
  if (exponent < -24 || exponent > 15) return false;
  // A subnormal f16 counts 2^-24: the 24-bit significand loses its low `shift` bits.
  const int shift = -1 - exponent;
  const uint32_t significand = fraction | 0x800000;
  half = static_cast<uint16_t>(sign | significand >> shift);
  return (significand & ((1u << shift) - 1)) == 0;
}

// Bytes of an unsigned integer in network order.
template <typename T>
void append_big_endian(std::vector<std::byte>& out, T value) {
  for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::byte>(value >> shift & 0xff));
}

// Order of encoded text keys: the shorter first, then by bytes.
bool key_less(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace

void CborWriter::head(uint8_t major, uint64_t value) {
  const auto type = static_cast<uint8_t>(major << 5);
  if (value < 24) {
    out_.push_back(static_cast<std::byte>(type | value));
  } else if (value <= 0xff) {
    out_.push_back(static_cast<std::byte>(type | 24));
    out_.push_back(static_cast<std::byte>(value));
  } else if (value <= 0xffff) {
    out_.push_back(static_cast<std::byte>(type | 25));
    append_big_endian(out_, static_cast<uint16_t>(value));
  } else if (value <= 0xffffffff) {
    out_.push_back(static_cast<std::byte>(type | 26));
    append_big_endian(out_, static_cast<uint32_t>(value));
  } else {
    out_.push_back(static_cast<std::byte>(type | 27));
    append_big_endian(out_, value);
  }
}

void CborWriter::uint(uint64_t value) { head(0, value); }

void CborWriter::integer(int64_t value) {
  if (value >= 0)
    head(0, static_cast<uint64_t>(value));
  else
    head(1, ~static_cast<uint64_t>(value));  // -1 - value
}

void CborWriter::bytes(std::span<const std::byte> value) {
  head(2, value.size());
  raw(value);
}

void CborWriter::text(std::string_view value) {
  head(3, value.size());
  raw(std::as_bytes(std::span(value.data(), value.size())));
}

void CborWriter::array(uint64_t count) { head(4, count); }
void CborWriter::map(uint64_t count) { head(5, count); }
void CborWriter::boolean(bool value) { out_.push_back(value ? std::byte{0xf5} : std::byte{0xf4}); }
void CborWriter::null() { out_.push_back(std::byte{0xf6}); }

void CborWriter::real(double value) {
  uint16_t half = 0x7e00;
  const bool is_nan = std::isnan(value);
  // Beyond f32's range the conversion itself would be undefined.
  const bool in_range = std::isinf(value) || std::fabs(value) <= std::numeric_limits<float>::max();
  const float narrow = !is_nan && in_range ? static_cast<float>(value) : 0;
  if (is_nan || (narrow == value && as_half(narrow, half))) {
    out_.push_back(std::byte{0xf9});
    append_big_endian(out_, half);
  } else if (narrow == value) {
    out_.push_back(std::byte{0xfa});
    append_big_endian(out_, std::bit_cast<uint32_t>(narrow));
  } else {
    out_.push_back(std::byte{0xfb});
    append_big_endian(out_, std::bit_cast<uint64_t>(value));
  }
}

void CborWriter::raw(std::span<const std::byte> item) {
  out_.insert(out_.end(), item.begin(), item.end());
}

CborWriter& CborMap::operator[](std::string_view key) {
  return pairs_.emplace_back(std::string(key), CborWriter()).second;
}

void CborMap::write(CborWriter& out) const {
  std::vector<const std::pair<std::string, CborWriter>*> order;
  order.reserve(pairs_.size());
  for (const auto& pair : pairs_) order.push_back(&pair);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return key_less(a->first, b->first); });
  out.map(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    DREAMDB_ASSERT(i == 0 || order[i]->first != order[i - 1]->first);
    out.text(order[i]->first);
    out.raw(order[i]->second.span());
  }
}

std::vector<std::byte> CborMap::encode() const {
  CborWriter out;
  write(out);
  return std::move(out).take();
}

}  // namespace dreamdb
