#include "store/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>

#include "base/assert.h"

namespace dreamdb {

namespace {

template <size_t kSize>
std::array<std::byte, kSize> digest(const EVP_MD* kind, std::span<const std::byte> bytes) {
  std::array<std::byte, kSize> out;
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(),
                              reinterpret_cast<unsigned char*>(out.data()), &size, kind, nullptr);
  DREAMDB_ASSERT(done == 1 && size == kSize);
  return out;
}

}  // namespace

Sha256 sha256(std::span<const std::byte> bytes) { return digest<32>(EVP_sha256(), bytes); }

Sha256 sha256(std::string_view text) { return sha256(std::as_bytes(std::span(text))); }

Sha256 hmac_sha256(std::span<const std::byte> key, std::string_view text) {
  Sha256 out;
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                          reinterpret_cast<unsigned char*>(out.data()), &size);
  DREAMDB_ASSERT(done != nullptr && size == out.size());
  return out;
}

Md5 md5(std::span<const std::byte> bytes) { return digest<16>(EVP_md5(), bytes); }

std::string hex_text(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(b) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(b) & 15]);
  }
  return text;
}

std::string base64_text(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? std::to_integer<uint32_t>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      text.push_back(i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63]);
    }
  }
  return text;
}

}  // namespace dreamdb
