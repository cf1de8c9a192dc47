#include "store/s3_error.h"

#include <optional>

#include "http/http_date.h"
#include "store/key.h"
#include "store/redact.h"
#include "store/reply_error.h"
#include "store/s3_xml.h"

namespace dreamdb {

namespace {

std::string skew_text(const HttpReply& reply, uint64_t now_ns) {
  const auto server = parse_http_date(reply.header("date"));
  if (!server) return "this machine's clock differs too much from the server's";
  const int64_t ahead = static_cast<int64_t>(now_ns / 1'000'000'000) - *server;
  const int64_t size = ahead < 0 ? -ahead : ahead;
  return "this machine's clock is " + std::to_string(size / 60) + " min " +
         std::to_string(size % 60) + " s " + (ahead < 0 ? "behind" : "ahead of") +
         " the server's, at most 15 min are allowed";
}

// Who was refused: "the credentials of AWS_ACCESS_KEY_ID".
std::string who(const S3Place& place) {
  return place.anonymous ? "requests without a signature" : "the keys of " + place.credentials;
}

// Variables of a process stay what they are; files are read again.
bool is_of_environment(std::string_view credentials) { return credentials == "AWS_ACCESS_KEY_ID"; }

// Status code and S3's own words, for the end of a message.
std::string said(const HttpReply& reply, const std::optional<S3Error>& error) {
  std::string text = " (HTTP " + std::to_string(reply.status);
  if (error) text += ", " + printable(error->code);
  if (error && !error->message.empty()) text += ": " + printable(error->message);
  return text + ")";
}

// What the server says as XML, without what it was told in secret.
std::optional<S3Error> error_in(const HttpReply& reply, const S3Place& place) {
  auto error = parse_s3_error(reply.body.view());
  if (!error) return error;
  for (std::string* text : {&error->code, &error->message, &error->region, &error->endpoint})
    *text = redacted(*text, place.secrets);
  return error;
}

// Errors that refuse whoever signed the request, not what it asks for.
enum class CallerError : uint8_t { kNone, kClock, kExpired, kUnknownKeys, kWrongSecret };

CallerError caller_error(std::string_view code) {
  if (code == "RequestTimeTooSkewed") return CallerError::kClock;
  if (code == "ExpiredToken" || code == "TokenRefreshRequired" || code == "ExpiredTokenException")
    return CallerError::kExpired;
  if (code == "InvalidAccessKeyId" || code == "InvalidToken" || code == "InvalidClientTokenId")
    return CallerError::kUnknownKeys;
  return code == "SignatureDoesNotMatch" ? CallerError::kWrongSecret : CallerError::kNone;
}

std::optional<Error> denied(const HttpReply& reply, const std::optional<S3Error>& error,
                            std::string_view act, const S3Place& place) {
  const std::string code = error ? error->code : "";
  switch (caller_error(code)) {
    case CallerError::kClock:
      return Error{Code::kDenied, skew_text(reply, place.now_ns) + "; set the clock"};
    case CallerError::kExpired:
      return Error{
          Code::kDenied,
          "the session token of " + place.credentials + " has expired; get a new one" +
              (is_of_environment(place.credentials) ? " and set AWS_SESSION_TOKEN and the keys anew"
                                                    : " (it is read again without a restart)")};
    case CallerError::kUnknownKeys:
      return Error{Code::kDenied, "the server does not know " + who(place) +
                                      "; correct them, or the endpoint (AWS_ENDPOINT_URL)"};
    case CallerError::kWrongSecret:
      return Error{Code::kDenied, "the secret key of " + place.credentials +
                                      " does not belong to its key id; correct it"};
    case CallerError::kNone: break;
  }
  if (reply.status == 401 || reply.status == 403 || code == "AccessDenied") {
    std::string text = who(place) + " may not " + std::string(verb_of(act)) + " here";
    if (place.anonymous)
      text += "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
    else
      text += "; use others, or let the bucket's owner allow it";
    if (!only_reads(act)) text += ". Reading may still work";
    return Error{Code::kDenied, text};
  }
  return std::nullopt;
}

std::optional<Error> misplaced(const HttpReply& reply, const std::optional<S3Error>& error,
                               const S3Place& place) {
  const std::string code = error ? error->code : "";
  if (code == "NoSuchBucket")
    return Error{Code::kInvalidArgument, "there is no bucket " + place.bucket + " at " +
                                             reply.endpoint +
                                             "; make it, or correct the name or AWS_ENDPOINT_URL"};
  if (code == "InvalidBucketName")
    return Error{Code::kInvalidArgument, "\"" + place.bucket + "\" is no name of a bucket"};
  if (code == "KeyTooLongError" || code == "InvalidObjectName")
    return Error{Code::kInvalidArgument,
                 "the name of the object, prefix included, is longer than the 1,024 bytes of S3; "
                 "use a shorter prefix or name"};
  const bool redirected = reply.status >= 300 && reply.status < 400;
  if (!redirected && code != "AuthorizationHeaderMalformed" && code != "PermanentRedirect")
    return std::nullopt;
  std::string region = redacted(reply.header("x-amz-bucket-region"), place.secrets);
  if (region.empty() && error) region = error->region;
  if (!region.empty() && region != place.region)
    return Error{Code::kInvalidArgument, "the bucket is in region " + printable(region) +
                                             ", the request was signed for " + place.region +
                                             "; set AWS_REGION=" + printable(region)};
  const std::string_view location = reply.header("location");
  const std::string to = redacted(location.substr(0, location.find('?')), place.secrets);
  return Error{Code::kInvalidArgument,
               "the server sends elsewhere" + (to.empty() ? "" : ", to " + printable(to)) +
                   "; set AWS_ENDPOINT_URL or AWS_REGION to where the bucket is"};
}

std::optional<Error> exhausted(const HttpReply& reply, const std::optional<S3Error>& error) {
  const std::string code = error ? error->code : "";
  if (code == "QuotaExceeded" || reply.status == 507)
    return Error{Code::kExhausted, "the quota or the disk of the server is full; make room"};
  if (code == "EntityTooLarge" || reply.status == 413)
    return Error{Code::kExhausted,
                 "the server, or a proxy before it, refuses so large a body; raise its limit"};
  return std::nullopt;
}

// What came in place of an answer, with a status of 200 to 299.
std::string misanswer_text(const HttpReply& reply, const std::optional<S3Error>& error) {
  const std::string status = "HTTP " + std::to_string(reply.status);
  if (is_web_page(reply))
    return " answered with a page for people (" + status +
           "); a proxy or a login page stands before the store, or it is none";
  if (error) return " answered with an error in place of a success" + said(reply, error);
  return " answered " + status +
         " where S3 says 200 to what is stored; is it S3, or does a proxy "
         "answer in its place?";
}

}  // namespace

bool is_s3_misanswer(const HttpReply& reply, std::string_view act) {
  if (reply.failure != HttpFailure::kNone || reply.status < 200 || reply.status >= 300)
    return false;
  if (is_web_page(reply)) return true;
  if (writes_bytes(act)) return reply.status != 200 || parse_s3_error(reply.body.view());
  // An object may be an <Error> of somebody's.
  return only_reads(act) && reply.header("etag").empty() && parse_s3_error(reply.body.view());
}

std::string s3_advice_to_caller(const HttpReply& reply, const std::string& credentials) {
  const auto error = parse_s3_error(reply.body.view());
  switch (caller_error(error ? error->code : "")) {
    case CallerError::kClock: return "set this machine's clock, or let it follow a time server";
    case CallerError::kExpired:
      if (is_of_environment(credentials))
        return "get a new session token and set AWS_SESSION_TOKEN, with its keys";
      return "get a new session token and write it to where the old one is: " + credentials;
    case CallerError::kUnknownKeys:
      return "correct the keys of " + credentials +
             "; or AWS_ENDPOINT_URL, if they are those of another server";
    case CallerError::kWrongSecret: return "correct the secret key of " + credentials;
    case CallerError::kNone: break;
  }
  return {};
}

Status s3_status(const HttpReply& reply, std::string_view act, std::string_view key,
                 const S3Place& place) {
  const bool ok = reply.failure == HttpFailure::kNone && reply.status >= 200 && reply.status < 300;
  if (ok && !is_s3_misanswer(reply, act)) return {};
  const std::string what =
      "cannot " + std::string(verb_of(act)) + " " +
      (key.empty() ? "" : printable(key) + (only_reads(act) ? " from " : " in ")) + place.store;
  DREAMDB_TRY(reply_failure(reply, act, what));
  const auto error = error_in(reply, place);
  if (ok)
    return fail(unanswered_code(act), what + ": " + reply.endpoint + misanswer_text(reply, error) +
                                          std::string(unanswered_end(act)));
  for (const auto& found : {denied(reply, error, act, place), misplaced(reply, error, place),
                            exhausted(reply, error)}) {
    if (found) return fail(found->code, what + ": " + found->message + said(reply, error));
  }
  // S3 says with XML what is missing.
  if (reply.status == 404 && !error && looks_like_page(reply))
    return fail(Code::kInvalidArgument,
                what + ": " + reply.endpoint + " answered with a page, which is none of S3" +
                    said(reply, error) + "; a web server is web+http:// or web+https://");
  if (reply.status == 404)
    return fail(Code::kNotFound,
                (key.empty() ? what : "key " + printable(key) + " is not in " + place.store) +
                    (error ? "" : said(reply, error)));
  if (reply.status == 412 || reply.status == 409)
    return fail(Code::kConflict, what + ": another writer was first" + said(reply, error));
  if (reply.status == 429 || reply.status == 503)
    return fail(Code::kUnavailable, what + ": the server asks for fewer requests" +
                                        said(reply, error) + "; try again later");
  if (reply.status >= 500)
    return fail(unanswered_code(act), what + ": the server has a fault" + said(reply, error) +
                                          std::string(unanswered_end(act)));
  return fail(Code::kInvalidArgument,
              what + ": the server refuses the request" + said(reply, error) +
                  "; is it S3? A web server is web+http:// or web+https://");
}

}  // namespace dreamdb
