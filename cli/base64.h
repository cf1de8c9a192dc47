// Base64 (RFC 4648 section 4) of blobs inside JSON.
#pragma once

#include <string>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb::cli {

std::string base64_encode(std::string_view bytes);

// InvalidArgument: a character outside the alphabet, with its place, or padding that is wrong.
Result<std::string> base64_decode(std::string_view text);

}  // namespace dreamdb::cli
