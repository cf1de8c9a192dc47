// One version of a mutable key as the folder store keeps it: a header and the body.
//
// Spec: spec/09-folder-store.md, 9.4. Thread rule: pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb {

constexpr size_t kVersionHeaderSize = 72;

using WriteId = std::array<std::byte, 16>;  // random for each write; all zero: none

struct VersionHeader {
  uint64_t sequence = 0;  // from 1; the number in the file's name
  WriteId id{};           // of the write that made this version
  WriteId replaced{};     // id of version `sequence` - 1, zero for the first
  bool deleted = false;   // the key is absent since this version
  uint64_t body_size = 0;
};

// The header for `header` and `body`; `header.body_size` is taken from `body`.
std::array<std::byte, kVersionHeaderSize> write_version_header(const VersionHeader& header,
                                                               std::span<const std::byte> body);

// Whether bytes begin as those of a version file do; no body of a mutable key does.
bool is_version_file(std::string_view bytes);

// Parses a whole file. Corruption: any byte differs from what was written, or the file is another
// version's; the message begins with `name`. Unsupported: a format from the future.
Result<VersionHeader> parse_version_file(std::span<const std::byte> file, uint64_t sequence,
                                         std::string_view name);
// The same for the bytes of any version.
Result<VersionHeader> parse_any_version(std::span<const std::byte> file, std::string_view name);

// "~" and 20 decimal digits, so that names sort like numbers.
std::string version_file_name(uint64_t sequence);
std::optional<uint64_t> parse_version_file_name(std::string_view name);

// What a swap expects: sequence and id as text, "17-00ff...".
std::string version_token(uint64_t sequence, const WriteId& id);
struct VersionName {
  uint64_t sequence = 0;
  WriteId id{};
};
// nullopt for what `version_token` does not write.
std::optional<VersionName> parse_version_token(std::string_view token);

}  // namespace dreamdb
