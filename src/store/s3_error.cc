#include "store/s3_error.h"

#include <optional>

#include "http/http_date.h"
#include "store/key.h"
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

// Status code and S3's own words, for the end of a message.
std::string said(const HttpReply& reply, const std::optional<S3Error>& error) {
  std::string text = " (HTTP " + std::to_string(reply.status);
  if (error) text += ", " + printable(error->code);
  if (error && !error->message.empty()) text += ": " + printable(error->message);
  return text + ")";
}

std::optional<Error> denied(const HttpReply& reply, const std::optional<S3Error>& error,
                            std::string_view act, const S3Place& place) {
  const std::string code = error ? error->code : "";
  if (code == "RequestTimeTooSkewed")
    return Error{Code::kDenied, skew_text(reply, place.now_ns) + "; set the clock"};
  if (code == "ExpiredToken" || code == "TokenRefreshRequired" || code == "ExpiredTokenException")
    return Error{Code::kDenied, "the session token of " + place.credentials +
                                    " has expired; get a new one (it is read again without a "
                                    "restart)"};
  if (code == "InvalidAccessKeyId" || code == "InvalidToken" || code == "InvalidClientTokenId")
    return Error{Code::kDenied, "the server does not know " + who(place) +
                                    "; correct them, or the endpoint (AWS_ENDPOINT_URL)"};
  if (code == "SignatureDoesNotMatch")
    return Error{Code::kDenied, "the secret key of " + place.credentials +
                                    " does not belong to its key id; correct it"};
  if (reply.status == 401 || reply.status == 403 || code == "AccessDenied") {
    std::string text = who(place) + " may not " + std::string(act) + " here";
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
  std::string region(reply.header("x-amz-bucket-region"));
  if (region.empty() && error) region = error->region;
  if (!region.empty() && region != place.region)
    return Error{Code::kInvalidArgument, "the bucket is in region " + printable(region) +
                                             ", the request was signed for " + place.region +
                                             "; set AWS_REGION=" + printable(region)};
  std::string to(reply.header("location"));
  to = to.substr(0, to.find('?'));
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

}  // namespace

bool only_reads(std::string_view act) { return act == "read" || act == "list"; }

Status s3_status(const HttpReply& reply, std::string_view act, std::string_view key,
                 const S3Place& place) {
  const bool ok = reply.failure == HttpFailure::kNone && reply.status >= 200 && reply.status < 300;
  if (ok && !is_web_page(reply)) return {};
  const bool reads = only_reads(act);
  const std::string what = "cannot " + std::string(act) + " " +
                           (key.empty() ? "" : printable(key) + (reads ? " from " : " in ")) +
                           place.store;
  DREAMDB_TRY(reply_failure(reply, !reads, what));
  if (ok)
    return fail(reads ? Code::kUnavailable : Code::kOutcomeUnknown,
                what + ": " + reply.endpoint + " answered with a page for people (HTTP " +
                    std::to_string(reply.status) +
                    "); a proxy or a login page stands before the store, or it is none");
  const auto error = parse_s3_error(reply.body.view());
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
    return fail(reads ? Code::kUnavailable : Code::kOutcomeUnknown,
                what + ": the server has a fault" + said(reply, error) +
                    (reads ? "; try again later" : "; it may have happened or not"));
  return fail(Code::kInvalidArgument,
              what + ": the server refuses the request" + said(reply, error) +
                  "; is it S3? A web server is web+http:// or web+https://");
}

}  // namespace dreamdb
