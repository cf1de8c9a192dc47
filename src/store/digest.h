// SHA-256, its HMAC, MD5 and their texts: what S3 signs and checks bodies with. On OpenSSL.
//
// Thread rule: pure.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace dreamdb {

using Sha256 = std::array<std::byte, 32>;
using Md5 = std::array<std::byte, 16>;

Sha256 sha256(std::span<const std::byte> bytes);
Sha256 sha256(std::string_view text);
Sha256 hmac_sha256(std::span<const std::byte> key, std::string_view text);
// Not against an adversary: S3 checks with it that a body came through whole.
Md5 md5(std::span<const std::byte> bytes);

// Lowercase hexadecimal.
std::string hex_text(std::span<const std::byte> bytes);
// RFC 4648, with padding.
std::string base64_text(std::span<const std::byte> bytes);

}  // namespace dreamdb
