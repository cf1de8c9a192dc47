#include "store/reply_error.h"

#include <algorithm>

#include "base/text.h"

namespace dreamdb {

Status reply_failure(const HttpReply& reply, bool changes, const std::string& what) {
  switch (reply.failure) {
    case HttpFailure::kNone: return {};
    case HttpFailure::kRefused: return fail(reply.error.code, what + ": " + reply.error.message);
    case HttpFailure::kNotSent:
      return fail(Code::kUnavailable,
                  what + ": " + reply.what + "; " +
                      (reply.way_out.empty() ? "check the address, the network and the server"
                                             : reply.way_out));
    case HttpFailure::kCut:
    case HttpFailure::kTimeout: break;
  }
  if (!changes) return fail(Code::kUnavailable, what + ": " + reply.what + "; try again later");
  return fail(Code::kOutcomeUnknown, what + ": " + reply.what + "; it may have happened or not");
}

bool is_web_page(const HttpReply& reply) {
  // Objects of stores have a tag; what a proxy says in their place has none.
  return reply.header("etag").empty() && looks_like_page(reply);
}

bool looks_like_page(const HttpReply& reply) {
  if (lower_ascii(reply.header("content-type")).find("text/html") != std::string::npos) return true;
  const std::string start = lower_ascii(reply.body.view().substr(0, 64));
  return start.find("<!doctype html") != std::string::npos ||
         start.find("<html") != std::string::npos;
}

}  // namespace dreamdb
