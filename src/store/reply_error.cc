#include "store/reply_error.h"

#include <algorithm>

#include "base/text.h"

namespace dreamdb {

namespace {

// Smaller bodies are below the limits of all proxies.
constexpr uint64_t kLimitedBytesMin = 64 << 10;

// An upload of which no reply came.
Status cut_upload(const HttpReply& reply, const std::string& what) {
  const std::string bytes = std::to_string(reply.request_bytes) + " bytes";
  const std::string end = " (" + reply.what + "); nothing was committed with it";
  if (reply.failure == HttpFailure::kTimeout)
    return fail(Code::kUnavailable, what + ": the upload of its " + bytes + " had no end in time" +
                                        end +
                                        "; try again later, or allow more seconds with "
                                        "DREAMDB_TIMEOUT");
  return fail(Code::kUnavailable,
              what + ": the connection was cut while its " + bytes + " were uploaded" + end +
                  (reply.request_bytes < kLimitedBytesMin
                       ? "; try again later"
                       : ". The likely cause is a limit on the size of a body, of the server or "
                         "of a proxy before it: raise it (nginx: client_max_body_size)"));
}

// Of a write that was sent nobody knows; whatever became of the rest, it changed nothing.
Status stopped(const HttpReply& reply, std::string_view act, const std::string& what) {
  const bool is_unclear = unanswered_code(act) == Code::kOutcomeUnknown && reply.attempts > 0;
  return fail(is_unclear ? Code::kOutcomeUnknown : Code::kCancelled,
              what + ": stopped, since the caller asked to" +
                  (is_unclear ? "; it may have happened or not" : ""));
}

}  // namespace

bool only_reads(std::string_view act) { return act == "read" || act == "list"; }

bool writes_bytes(std::string_view act) { return act == "write" || act == kUpload; }

std::string_view verb_of(std::string_view act) { return act == kUpload ? "write" : act; }

Code unanswered_code(std::string_view act) {
  return only_reads(act) || act == kUpload ? Code::kUnavailable : Code::kOutcomeUnknown;
}

std::string_view unanswered_end(std::string_view act) {
  if (act == kUpload) return "; nothing was committed with it, try again later";
  return only_reads(act) ? "; try again later" : "; it may have happened or not";
}

Status reply_failure(const HttpReply& reply, std::string_view act, const std::string& what) {
  switch (reply.failure) {
    case HttpFailure::kNone: return {};
    case HttpFailure::kRefused: return fail(reply.error.code, what + ": " + reply.error.message);
    case HttpFailure::kNotSent:
      return fail(Code::kUnavailable,
                  what + ": " + reply.what + "; " +
                      (reply.way_out.empty() ? "check the address, the network and the server"
                                             : reply.way_out));
    case HttpFailure::kStopped: return stopped(reply, act, what);
    case HttpFailure::kCut:
    case HttpFailure::kTimeout: break;
  }
  if (act == kUpload) return cut_upload(reply, what);
  if (reply.failure == HttpFailure::kTimeout && only_reads(act))
    return fail(Code::kUnavailable, what + ": " + reply.what +
                                        "; try again later, or allow more seconds with "
                                        "DREAMDB_TIMEOUT");
  return fail(unanswered_code(act), what + ": " + reply.what + std::string(unanswered_end(act)));
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
