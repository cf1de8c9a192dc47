// Base64 by tables.
#include "cli/base64.h"

#include <array>
#include <cstdint>

namespace dreamdb::cli {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kBad = 255;

constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  for (uint8_t& value : values) value = kBad;
  for (uint8_t i = 0; i < 64; ++i) values[static_cast<unsigned char>(kAlphabet[i])] = i;
  return values;
}
constexpr std::array<uint8_t, 256> kValues = make_values();

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t left = bytes.size() - at;
    uint32_t word = static_cast<uint32_t>(static_cast<unsigned char>(bytes[at])) << 16;
    if (left > 1) word |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + 1])) << 8;
    if (left > 2) word |= static_cast<unsigned char>(bytes[at + 2]);
    out += kAlphabet[word >> 18];
    out += kAlphabet[(word >> 12) & 63];
    out += left > 1 ? kAlphabet[(word >> 6) & 63] : '=';
    out += left > 2 ? kAlphabet[word & 63] : '=';
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  const size_t size_with_padding = text.size();
  if (size_with_padding % 4 != 0) {
    return fail(Code::kInvalidArgument, "base64 comes in groups of 4 characters, and this is " +
                                            std::to_string(size_with_padding) + " long");
  }
  if (text.ends_with('=')) text.remove_suffix(1);
  if (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  uint32_t word = 0;
  unsigned bits = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const uint8_t value = kValues[static_cast<unsigned char>(text[at])];
    if (value == kBad) {
      return fail(Code::kInvalidArgument,
                  "base64 has a character outside its alphabet at offset " + std::to_string(at));
    }
    word = (word << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>((word >> bits) & 255);
    }
  }
  if ((word & ((1u << bits) - 1)) != 0) {
    return fail(Code::kInvalidArgument, "base64 ends in bits that belong to no byte");
  }
  return out;
}

}  // namespace dreamdb::cli
