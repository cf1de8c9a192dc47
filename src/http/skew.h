// What the server's clock says about ours: signatures are refused when the two differ by minutes.
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/http.h"

namespace dreamdb {

// Server time minus ours in nanoseconds, as the header Date tells; 0 when they agree to half a
// minute, which signatures bear and a slow reply explains. `now_ns`: our wall clock when the reply
// came. Empty when the reply does not tell: no date, or a cache may have kept it (its date is that
// of its making): it has an Age or says that a cache had it, or a proxy (Via) stands between and it
// is one that caches keep unasked (RFC 9110, 15.1).
std::optional<int64_t> skew_of(std::string_view method, const HttpReply& reply, uint64_t now_ns);

}  // namespace dreamdb
