// Whole files in and out.
#pragma once

#include <string>
#include <string_view>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb::cli {

// The largest payload that a dataset takes (spec chapter 1).
inline constexpr size_t kFileMax = size_t{1} << 30;

// The bytes of a file. Exhausted: above kFileMax. NotFound, Denied, ...: what the system said, with
// the path.
Result<Buffer> read_file(const std::string& path);

// Writes a file anew. AlreadyExists when there is one and `replace` is false.
Status write_file(const std::string& path, std::string_view bytes, bool replace);

}  // namespace dreamdb::cli
