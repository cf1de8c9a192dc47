// Whether a job is tried again, and after what pause.
//
// Source: RFC 9110, 10.2.3 (Retry-After); Brooker, Exponential Backoff and Jitter, 2015 (full
// jitter). Thread rule: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/http.h"

namespace dreamdb {

// How long the server asks to wait: "120", or a date. `server_now_ns`: its wall clock. A date that
// has passed is 0; a time above a day is a day. Empty for what is neither.
std::optional<uint64_t> parse_retry_after(std::string_view text, uint64_t server_now_ns);

// True for a reply after which the same request may fare better: no whole reply, 408, 429, and the
// faults of servers but those that say that they cannot do it at all (501, 505).
bool may_pass(const HttpReply& reply);

// True when the job may be sent again after `reply` without harm, were it to pass.
bool may_repeat(const HttpReply& reply, Repeat repeat);

// Pause before the next attempt after so many failures (at least 1): anything between nothing and a
// bound that doubles. `draw`: random. With `asked` (Retry-After) at least that, and up to as much
// jitter as without, so that those who were sent away together do not come back together.
uint64_t retry_pause_ns(uint32_t failures, uint32_t draw, std::optional<uint64_t> asked_ns);

// What a job may spend with all its attempts: less when nobody listens, since that is soon told.
uint64_t budget_of(HttpFailure last, uint64_t budget_ns);

}  // namespace dreamdb
