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

// Acts are "read", "list", "write", "delete", and kUpload: the write of an immutable object, of
// which nobody knows before a version names it. Whatever became of that, nothing is committed.
inline constexpr std::string_view kUpload = "upload";

// True for acts that change nothing: "read" and "list".
bool only_reads(std::string_view act);
// True for "write" and kUpload.
bool writes_bytes(std::string_view act);
// For a message: uploads are writes too.
std::string_view verb_of(std::string_view act);

// Code and end of the message where an act has no answer, or one that does not say whether it was
// done: OutcomeUnknown for what changes something, Unavailable for the rest.
Code unanswered_code(std::string_view act);
std::string_view unanswered_end(std::string_view act);

// Error of a reply without a status; ok for one with a status. `what` names the act: "cannot write
// segments/x in s3://bucket".
Status reply_failure(const HttpReply& reply, std::string_view act, const std::string& what);

// True for a page for people: a login page or the error page of a proxy, whatever its status.
// Objects and replies of stores never are.
bool is_web_page(const HttpReply& reply);

// Whether type or text are those of a page for people, though it may be an object like others of
// the server it came from.
bool looks_like_page(const HttpReply& reply);

}  // namespace dreamdb
