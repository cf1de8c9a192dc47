// Whole files in and out.
#pragma once

#include <string>
#include <string_view>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb::cli {

// The bytes of a file. NotFound, Denied, ...: what the system said, with the path.
Result<Buffer> read_file(const std::string& path);

// Writes a file anew. AlreadyExists when there is one and `replace` is false.
Status write_file(const std::string& path, std::string_view bytes, bool replace);

}  // namespace dreamdb::cli
