// Small changes of ASCII text that the parsers of several floors need. No locale has a say.
//
// Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace dreamdb {

// A to Z become a to z, all else stays.
std::string lower_ascii(std::string_view text);

// Without characters of `blank` at both ends; a view of `text`.
std::string_view trimmed(std::string_view text, std::string_view blank = " \t\r\n");

}  // namespace dreamdb
