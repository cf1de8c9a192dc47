// What a reply means that is no answer of the server: no connection, a cut, no end in time, or the
// page of something that stands between.
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/http.h"

namespace dreamdb {

// Error of a reply without a status; ok for one with a status. A request that changes something
// (`changes`) and was sent is OutcomeUnknown, one that reads is Unavailable. `what` names the act:
// "cannot write segments/x to s3://bucket".
Status reply_failure(const HttpReply& reply, bool changes, const std::string& what);

// True for a page for people: a login page or the error page of a proxy, whatever its status.
// Objects and replies of stores never are.
bool is_web_page(const HttpReply& reply);

// Whether type or text are those of a page for people, though it may be an object like others of
// the server it came from.
bool looks_like_page(const HttpReply& reply);

}  // namespace dreamdb
