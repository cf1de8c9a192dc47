// The date in a header of HTTP, as in Date and Retry-After.
//
// Source: RFC 9110, 5.6.7. Thread rule: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace dreamdb {

// Unix seconds. Empty for what is no date, and for years outside 2000 to 2199: whoever says so has
// no clock.
std::optional<int64_t> parse_http_date(std::string_view text);

}  // namespace dreamdb
