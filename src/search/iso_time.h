// ISO 8601 moments as nanoseconds since the epoch.
#pragma once

#include <cstdint>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb {

// '2026-01-02', '2026-01-02T03:04', ...':05', ...'.123456789', then 'Z', '+02:00', '+0200' or
// nothing (UTC); a space may stand for the T. InvalidArgument: another form, a date that does not
// exist, or a moment outside of 1677-09-21 to 2262-04-11, which i64 nanoseconds reach.
Result<int64_t> parse_iso_time(std::string_view text);

}  // namespace dreamdb
