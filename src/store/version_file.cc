// Bytes of version files; every byte is covered by a checksum.
#include "store/version_file.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "store/sealed_bytes.h"

namespace dreamdb {

namespace {

constexpr std::string_view kMagic = "DREAMSWP";
constexpr uint32_t kFormatVersion = 1;
constexpr uint32_t kDeletedFlag = 1;
constexpr size_t kFormatOffset = 8;
constexpr size_t kFlagsOffset = 12;
constexpr size_t kSequenceOffset = 16;
constexpr size_t kIdOffset = 24;
constexpr size_t kReplacedOffset = 40;
constexpr size_t kBodySizeOffset = 56;
constexpr size_t kChecksumOffset = 64;
constexpr size_t kNameDigits = 20;  // as many as 2^64 - 1 has

std::unexpected<Error> corrupt(std::string_view name, const std::string& what) {
  return fail(Code::kCorruption,
              std::string(name) + ": " + what + "; restore this file from a copy of the store");
}

}  // namespace

bool is_version_file(std::string_view bytes) { return bytes.starts_with(kMagic); }

std::array<std::byte, kVersionHeaderSize> write_version_header(const VersionHeader& header,
                                                               std::span<const std::byte> body) {
  std::array<std::byte, kVersionHeaderSize> bytes{};
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  store_le(&bytes[kFormatOffset], kFormatVersion);
  store_le(&bytes[kFlagsOffset], header.deleted ? kDeletedFlag : uint32_t{0});
  store_le(&bytes[kSequenceOffset], header.sequence);
  std::copy(header.id.begin(), header.id.end(), &bytes[kIdOffset]);
  std::copy(header.replaced.begin(), header.replaced.end(), &bytes[kReplacedOffset]);
  store_le(&bytes[kBodySizeOffset], static_cast<uint64_t>(body.size()));
  store_le(&bytes[kChecksumOffset], fnv1a(body, fnv1a(std::span(bytes).first(kChecksumOffset))));
  return bytes;
}

Result<VersionHeader> parse_any_version(std::span<const std::byte> file, std::string_view name) {
  if (file.size() < kVersionHeaderSize) {
    return corrupt(name,
                   "a version file has at least 72 bytes, this one " + std::to_string(file.size()));
  }
  if (std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0) {
    return corrupt(name, "it does not begin with DREAMSWP");
  }
  const auto format = load_le<uint32_t>(&file[kFormatOffset]);
  const std::span<const std::byte> body = file.subspan(kVersionHeaderSize);
  const uint64_t checksum = fnv1a(body, fnv1a(file.first(kChecksumOffset)));
  if (checksum != load_le<uint64_t>(&file[kChecksumOffset])) {
    return corrupt(name, "its checksum does not match its bytes");
  }
  if (format != kFormatVersion) {
    return fail(Code::kUnsupported, std::string(name) + ": format version " +
                                        std::to_string(format) +
                                        ", this program reads version 1; upgrade it");
  }
  const auto flags = load_le<uint32_t>(&file[kFlagsOffset]);
  if (flags > kDeletedFlag) return corrupt(name, "unknown flags " + std::to_string(flags));
  VersionHeader header;
  header.deleted = flags == kDeletedFlag;
  header.sequence = load_le<uint64_t>(&file[kSequenceOffset]);
  std::memcpy(header.id.data(), &file[kIdOffset], header.id.size());
  std::memcpy(header.replaced.data(), &file[kReplacedOffset], header.replaced.size());
  header.body_size = load_le<uint64_t>(&file[kBodySizeOffset]);
  if (header.body_size != body.size()) {
    return corrupt(name, "its body should have " + std::to_string(header.body_size) +
                             " bytes and has " + std::to_string(body.size()));
  }
  return header;
}

Result<VersionHeader> parse_version_file(std::span<const std::byte> file, uint64_t sequence,
                                         std::string_view name) {
  DREAMDB_ASSIGN(const VersionHeader header, parse_any_version(file, name));
  if (header.sequence != sequence) {
    return corrupt(name, "it holds version " + std::to_string(header.sequence) + ", expected " +
                             std::to_string(sequence));
  }
  return header;
}

std::string version_file_name(uint64_t sequence) {
  const std::string digits = std::to_string(sequence);
  return "~" + std::string(kNameDigits - digits.size(), '0') + digits;
}

std::optional<uint64_t> parse_version_file_name(std::string_view name) {
  if (name.size() != kNameDigits + 1 || name.front() != '~') return std::nullopt;
  uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), sequence);
  if (error != std::errc() || end != name.data() + name.size() || sequence == 0) {
    return std::nullopt;
  }
  return sequence;
}

std::string version_token(uint64_t sequence, const WriteId& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string token = std::to_string(sequence) + "-";
  for (const std::byte byte : id) {
    token.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
    token.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
  }
  return token;
}

std::optional<VersionName> parse_version_token(std::string_view token) {
  VersionName name;
  const char* const end = token.data() + token.size();
  const auto [dash, error] =
      std::from_chars(token.data(), token.data() + token.size(), name.sequence);
  if (error != std::errc() || name.sequence == 0) return std::nullopt;
  if (static_cast<size_t>(end - dash) != 1 + 2 * name.id.size()) return std::nullopt;
  for (size_t i = 0; i < name.id.size(); ++i) {
    const char* const digits = dash + 1 + 2 * i;
    unsigned value = 0;
    if (std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) return std::nullopt;
    name.id[i] = static_cast<std::byte>(value);
  }
  if (version_token(name.sequence, name.id) != token) return std::nullopt;
  return name;
}

}  // namespace dreamdb
