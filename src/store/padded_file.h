// The file of a mutable key on a web server: the body, and zeros behind it that make no two
// successive files of a key one size.
//
// Tags of web servers are a hash of a file's number, time and size. Numbers come again and times
// tick, so after two quick swaps the tag of the first file could come again, and a writer who
// expects that file would replace one that it never saw. With sizes that go round in 2,048 steps
// that takes 2,048 swaps within one tick.
//
// Spec: spec/10-remote-stores.md, 10.6. Thread rule: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb {

inline constexpr uint64_t kPaddedHeaderSize = 24;
// A padded file has at most so many bytes more than its body.
inline constexpr uint64_t kPaddedExtraMax = kPaddedHeaderSize + 4096;

// The file of `body` in place of one of `replaced_size` bytes (0: none). Its size is even for the
// mark of deletion and odd for any other body, so a listing tells what is deleted.
Buffer padded_file(const Buffer& body, uint64_t replaced_size);

// Whether bytes begin as those of a padded file do; no body of a mutable key does.
bool is_padded_file(std::string_view bytes);
// Whether a file of this size can be that of a deleted key.
bool may_hold_mark(uint64_t file_size);

// The body; shares the file's memory. Corruption: any byte differs from what was written; the
// message begins with `name`.
Result<Buffer> parse_padded_file(const Buffer& file, std::string_view name);

}  // namespace dreamdb
