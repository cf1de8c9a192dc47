// What a key may be, so that no key can leave the folder or mean two things.
//
// Spec: spec/09-folder-store.md, 9.1. Thread rule: pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb {

constexpr size_t kKeySizeMax = 1024;        // bytes; what S3 allows
constexpr size_t kKeySegmentSizeMax = 255;  // bytes; what file systems allow for one name
// What the names of mutable keys end in where a web server gives them out (spec 9.7, 10.4).
inline constexpr std::string_view kPlainSuffix = ".ref";

// Ok if `key` is 1 to 1024 bytes: segments joined by `/`, each 1 to 255 characters of
// `[A-Za-z0-9._@=-]` that do not begin with `.` nor end in `.ref`. So there is no empty segment, no
// `.` or `..`, and names that begin with `.` or `~`, or end in `.ref`, are free for a store's own
// files.
// InvalidArgument: names the key (escaped) and what is wrong.
Status check_key(std::string_view key);

// `text` for a message: printable ASCII as it is, other bytes as \xNN, cut after 200 characters.
std::string printable(std::string_view text);

// "refs/main.ref" for "refs/main".
std::string plain_name(std::string_view key);

// The part of `key` before its first `/` ("refs" of "refs/main"); all of it when there is none.
std::string_view first_segment(std::string_view key);

// The part of a key or path before its last `/`; empty when there is none.
std::string_view parent_of(std::string_view path);

}  // namespace dreamdb
