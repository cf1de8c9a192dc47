// Checks of text from outside: valid UTF-8, printable names (spec 1.3, S3.4).
#pragma once

#include <string_view>

namespace dreamdb {

// No overlong form, no surrogate, nothing above U+10FFFF. Runs of ASCII go 8 bytes at a time.
bool is_utf8(std::string_view text);

// Whether the text holds a control character: U+0000 to U+001F or U+007F.
bool has_control_character(std::string_view utf8);

}  // namespace dreamdb
