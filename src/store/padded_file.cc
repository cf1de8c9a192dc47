#include "store/padded_file.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "store/dialect.h"
#include "store/sealed_bytes.h"

namespace dreamdb {

namespace {

constexpr std::string_view kMagic = "DREAMPAD";
constexpr size_t kBodySizeOffset = 8;
constexpr size_t kChecksumOffset = 16;
constexpr uint64_t kSteps = 2048;

// The least size of at least `least` bytes that is one step on from `replaced_size`.
uint64_t next_size(uint64_t least, uint64_t replaced_size, bool is_mark) {
  const uint64_t odd = is_mark ? 0 : 1;
  const uint64_t half = (least + 1 - odd) / 2;
  const uint64_t step = (replaced_size / 2 + 1 - half) % kSteps;
  return 2 * (half + step) + odd;
}

std::unexpected<Error> corrupt(std::string_view name, const std::string& what) {
  return fail(Code::kCorruption,
              std::string(name) + ": " + what + "; restore this file from a copy of the space");
}

}  // namespace

Buffer padded_file(const Buffer& body, uint64_t replaced_size) {
  const bool is_mark = body.view() == deletion_mark();
  MutableBuffer file(next_size(kPaddedHeaderSize + body.size(), replaced_size, is_mark));
  std::byte* const bytes = file.data();
  std::memset(bytes, 0, file.size());
  std::memcpy(bytes, kMagic.data(), kMagic.size());
  store_le(bytes + kBodySizeOffset, static_cast<uint64_t>(body.size()));
  const uint64_t checksum = fnv1a(body.span(), fnv1a({bytes, kChecksumOffset}));
  store_le(bytes + kChecksumOffset, checksum);
  if (!body.empty()) std::memcpy(bytes + kPaddedHeaderSize, body.data(), body.size());
  return std::move(file).freeze();
}

bool is_padded_file(std::string_view bytes) { return bytes.starts_with(kMagic); }

bool may_hold_mark(uint64_t file_size) {
  return file_size % 2 == 0 && file_size <= deletion_mark().size() + kPaddedExtraMax;
}

Result<Buffer> parse_padded_file(const Buffer& file, std::string_view name) {
  const std::span<const std::byte> bytes = file.span();
  if (bytes.size() < kPaddedHeaderSize || !is_padded_file(file.view()))
    return corrupt(name, "it is no padded file: " + std::to_string(bytes.size()) + " bytes");
  const auto body_size = load_le<uint64_t>(&bytes[kBodySizeOffset]);
  if (body_size > bytes.size() - kPaddedHeaderSize)
    return corrupt(name, "its body should have " + std::to_string(body_size) +
                             " bytes, the whole file has " + std::to_string(bytes.size()));
  Buffer body = file.slice(kPaddedHeaderSize, body_size);
  if (fnv1a(body.span(), fnv1a(bytes.first(kChecksumOffset))) !=
      load_le<uint64_t>(&bytes[kChecksumOffset]))
    return corrupt(name, "its checksum does not match its bytes");
  const auto rest = bytes.subspan(kPaddedHeaderSize + body_size);
  if (std::any_of(rest.begin(), rest.end(), [](std::byte byte) { return byte != std::byte{0}; }))
    return corrupt(name, "what follows its body is not zero");
  return body;
}

}  // namespace dreamdb
