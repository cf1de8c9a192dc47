// What a server says, fit to be shown: without the keys, tokens and signatures it was sent.
//
// Some servers, and proxies more so, tell in an error what they were asked, headers included; and
// errors go into logs and bug reports.
//
// Thread rule: pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace dreamdb {

// `text` with "(redacted)" in place of each of `secrets`, as it is or escaped as in a URL, and of
// whatever looks like a signature: 64 hexadecimal digits. Secrets of fewer than 4 characters stay:
// they would be found everywhere.
std::string redacted(std::string_view text, std::span<const std::string> secrets);

}  // namespace dreamdb
