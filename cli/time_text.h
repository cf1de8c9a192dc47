// Instants as text: ISO 8601 in UTC with nanoseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb::cli {

// "2026-01-02T03:04:05.123456789Z"; zeros at the end of the fraction are left out.
std::string iso_time(int64_t unix_ns);

// Unix nanoseconds: a plain integer of them, or ISO 8601 text as search/iso_time.h reads it.
// InvalidArgument: anything else, or beyond years 1677 to 2262.
Result<int64_t> parse_time(std::string_view text);

}  // namespace dreamdb::cli
