#include "store/web_error.h"

#include <optional>

#include "store/key.h"
#include "store/reply_error.h"
#include "store/s3_xml.h"

namespace dreamdb {

namespace {

constexpr int kOk = 200;
constexpr int kPartial = 206;
constexpr int kCreated = 201, kNoContent = 204;

// The server's words, for the end of a message; how to speak to it if it is S3.
std::string said(const HttpReply& reply) {
  std::string text = " (HTTP " + std::to_string(reply.status);
  const auto error = parse_s3_error(reply.body.view());
  if (!error) return text + ")";
  return text + ", " + printable(error->code) + ")." + s3_hint(reply);
}

// A page in place of an object. Of a part only its type tells: an object may have a page in it. And
// some servers say with a page that they have made a file.
bool is_page(const HttpReply& reply, bool reads) {
  if (reads && reply.status == kPartial)
    return reply.header("content-type").starts_with("text/html");
  return (reads || reply.status == kOk) && looks_like_page(reply);
}

// A reply of 200 to 299 that does not say that bytes are stored: WebDAV says 201, 204 or 200.
bool is_misanswer(const HttpReply& reply, std::string_view act) {
  if (is_page(reply, only_reads(act))) return true;
  if (!writes_bytes(act)) return false;
  const bool is_done =
      reply.status == kOk || reply.status == kCreated || reply.status == kNoContent;
  return !is_done || parse_s3_error(reply.body.view());
}

// Sent to the same path with a slash at its end: there is a folder, and no object.
bool names_folder(const HttpReply& reply, const WebPlace& place) {
  const std::string_view to = reply.header("location");
  return !place.path.empty() && to.ends_with(place.path + "/");
}

std::string elsewhere(const HttpReply& reply) {
  const std::string_view to = reply.header("location");
  const std::string where = to.empty() ? "" : ", to " + printable(to.substr(0, to.find('?')));
  return "the server sends elsewhere" + where + "; give the address where the space is";
}

std::optional<Error> refused(const HttpReply& reply, std::string_view act) {
  const bool reads = only_reads(act);
  const bool no_such_method = reply.status == 405 || reply.status == 501;
  if (act == "list" && no_such_method)
    return Error{Code::kUnsupported,
                 "the server gives no listings (PROPFIND of WebDAV). Reading a dataset needs none; "
                 "for the rest use the folder that it serves"};
  if (!reads && (no_such_method || (reply.status == 404 && writes_bytes(act))))
    return Error{Code::kUnsupported,
                 "the server takes no writes, it can only be read: write to the folder that it "
                 "serves, or let it do WebDAV (lighttpd's mod_webdav)"};
  if (reply.status == 401)
    return Error{Code::kDenied,
                 "the server asks for a name and a password, which are not sent to web servers; "
                 "let it give out this path without"};
  if (reply.status == 403)
    return Error{Code::kDenied, "the server does not allow to " + std::string(verb_of(act)) +
                                    " here; " +
                                    (reads ? "let its user read the files"
                                           : "let its user write there. Reading may still work")};
  if (reply.status == 507) return Error{Code::kExhausted, "the disk is full; make room"};
  if (reply.status == 413)
    return Error{Code::kExhausted,
                 "the server, or a proxy before it, refuses so large a body; raise its limit "
                 "(nginx: client_max_body_size)"};
  return std::nullopt;
}

}  // namespace

std::string s3_hint(const HttpReply& reply) {
  if (!parse_s3_error(reply.body.view())) return {};
  return " It answers as S3 does: write s3+http:// or s3+https://, or set AWS_ACCESS_KEY_ID and "
         "AWS_SECRET_ACCESS_KEY";
}

Status web_status(const HttpReply& reply, std::string_view act, std::string_view key,
                  const WebPlace& place) {
  const bool ok = reply.failure == HttpFailure::kNone && reply.status >= 200 && reply.status < 300;
  const bool reads = only_reads(act);
  if (ok && !is_misanswer(reply, act)) return {};
  const std::string what = "cannot " + std::string(verb_of(act)) + " " +
                           (key.empty() ? "" : printable(key) + (reads ? " from " : " in ")) +
                           place.store;
  const bool too_long =
      reply.failure == HttpFailure::kRefused && reply.error.code == Code::kCorruption;
  if (too_long && reads && !key.empty())
    return fail(Code::kCorruption, what + ": " + reply.error.message +
                                       "; does the server, or a proxy before it, know ranges "
                                       "(Range)? Large objects cannot be read without");
  DREAMDB_TRY(reply_failure(reply, act, what));
  if (ok && is_page(reply, reads))
    return fail(unanswered_code(act),
                what + ": " + reply.endpoint + " answered with a page for people (HTTP " +
                    std::to_string(reply.status) +
                    "); the server has a page for what is missing, or a login page stands before "
                    "it: check the address, and let the server answer 404 for what is not there");
  if (ok)
    return fail(unanswered_code(act), what + ": " + reply.endpoint +
                                          " did not say that it is stored, which WebDAV does " +
                                          "with 201 or 204" + said(reply) +
                                          std::string(unanswered_end(act)));
  if (reply.status == 404 && (reads || act == "delete"))
    return fail(
        Code::kNotFound,
        (key.empty() ? what : "key " + printable(key) + " is not in " + place.store) + said(reply));
  if (reply.status >= 300 && reply.status < 400) {
    if (names_folder(reply, place))
      return fail(Code::kNotFound, "key " + printable(key) + " is not in " + place.store);
    return fail(Code::kInvalidArgument, what + ": " + elsewhere(reply) + said(reply));
  }
  if (const auto found = refused(reply, act))
    return fail(found->code, what + ": " + found->message + said(reply));
  if (reply.status == 412)
    return fail(Code::kConflict, what + ": another writer was first" + said(reply));
  if (reply.status == 409)
    return fail(Code::kUnavailable, what + ": a folder above it is missing and could not be made" +
                                        said(reply) + "; try again");
  if (reply.status == 423 || reply.status == 429 || reply.status == 503)
    return fail(Code::kUnavailable,
                what + ": the server is busy" + said(reply) + "; try again later");
  if (reply.status >= 500)
    return fail(unanswered_code(act),
                what + ": the server has a fault" + said(reply) + std::string(unanswered_end(act)));
  return fail(Code::kInvalidArgument,
              what + ": the server refuses the request" + said(reply) + "; check the address");
}

}  // namespace dreamdb
