// The header Content-Range of a reply to a range: "bytes 0-99/1234".
//
// Source: RFC 9110, 14.4. Thread rule: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace dreamdb {

struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;   // at least `first`
  uint64_t total = 0;  // size of the whole object, above `last`
};

// Empty for another unit, an unknown total ("*"), and numbers that contradict each other.
std::optional<ContentRange> parse_content_range(std::string_view text);

// The total of "bytes */1234", which comes with status 416.
std::optional<uint64_t> parse_unsatisfied_range(std::string_view text);

}  // namespace dreamdb
