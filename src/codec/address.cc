#include "codec/address.h"

#include <blake3.h>

#include <cstdint>

namespace dreamdb {

namespace {

constexpr std::byte kHashTag{0x1e};  // the multicodec number of BLAKE3
constexpr size_t kTextSize = 53;     // 33 bytes are 264 bits: 53 digits of 5, one bit of padding
constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";

// Value of a base32 digit, or -1.
int digit_value(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= '2' && c <= '7') return c - '2' + 26;
  return -1;
}

// A text from outside as far as a message should repeat it.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (text.size() > 64) out += "...";
  return out;
}

std::unexpected<Error> bad_text(std::string_view text, std::string found) {
  return fail(Code::kInvalidArgument,
              "`" + shown(text) +
                  "` is not an address: expected 53 characters of a-z and 2-7 that "
                  "begin with 'd', found " +
                  std::move(found));
}

// The library asks the processor at its first hash what it can do and keeps the answer in a
// variable without a guard. Any hash is a first one; this one is computed before others may begin.
bool processor_asked() {
  uint8_t hash[BLAKE3_OUT_LEN];
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  blake3_hasher_finalize(&hasher, hash, sizeof hash);
  return true;
}

}  // namespace

Hash blake3(std::span<const std::byte> bytes) { return blake3(std::span(&bytes, 1)); }

Hash blake3(std::span<const std::span<const std::byte>> pieces) {
  [[maybe_unused]] static const bool asked = processor_asked();
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  for (const std::span<const std::byte> piece : pieces)
    if (!piece.empty()) blake3_hasher_update(&hasher, piece.data(), piece.size());
  Hash hash;
  blake3_hasher_finalize(&hasher, reinterpret_cast<uint8_t*>(hash.data()), hash.size());
  return hash;
}

Result<Address> Address::from_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() != 33)
    return fail(Code::kCorruption,
                "expected an address of 33 bytes, found " + std::to_string(bytes.size()));
  if (bytes[0] != kHashTag)
    return fail(Code::kCorruption, "expected an address that begins with byte 30 (BLAKE3), found " +
                                       std::to_string(std::to_integer<int>(bytes[0])));
  Address address;
  std::memcpy(address.hash.data(), bytes.data() + 1, address.hash.size());
  return address;
}

Result<Address> Address::parse(std::string_view text) {
  if (text.size() != kTextSize) return bad_text(text, std::to_string(text.size()) + " characters");
  std::array<std::byte, 33> bytes;
  size_t filled = 0;
  uint32_t bits = 0;  // read and not yet stored, in the low `held` bits
  int held = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int value = digit_value(text[i]);
    if (value < 0) return bad_text(text, "another character at position " + std::to_string(i));
    bits = (bits << 5 | static_cast<uint32_t>(value)) & 0xfff;
    held += 5;
    if (held >= 8) {
      held -= 8;
      bytes[filled++] = static_cast<std::byte>(bits >> held & 0xff);
    }
  }
  if ((bits & 1) != 0) return bad_text(text, "a padding bit that is not zero");
  if (bytes[0] != kHashTag) return bad_text(text, "another kind of hash");
  return from_bytes(bytes);
}

std::array<std::byte, 33> Address::bytes() const {
  std::array<std::byte, 33> out;
  out[0] = kHashTag;
  std::memcpy(out.data() + 1, hash.data(), hash.size());
  return out;
}

std::string Address::text() const {
  std::string out;
  out.reserve(kTextSize);
  uint32_t bits = 0;
  int held = 0;
  for (const std::byte b : bytes()) {
    bits = (bits << 8 | std::to_integer<uint32_t>(b)) & 0xfff;
    for (held += 8; held >= 5; held -= 5) out += kDigits[bits >> (held - 5) & 31];
  }
  out += kDigits[bits << (5 - held) & 31];
  return out;
}

}  // namespace dreamdb
