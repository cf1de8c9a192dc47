// What a reply of S3 means for the caller: the error with the thing, the reason and the way out.
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"

namespace dreamdb {

// Whom a message is about.
struct S3Place {
  std::string store;  // "s3://bucket/prefix"
  std::string bucket;
  std::string region;       // that requests are signed for
  std::string credentials;  // where they came from: "AWS_ACCESS_KEY_ID"
  bool anonymous = false;
  uint64_t now_ns = 0;                    // wall clock of this machine, to tell a skew
  std::vector<std::string> secrets = {};  // not to be shown, though the server says them
};

// The error that `reply` stands for; ok for a status of 200 to 299 that is no page for people and
// no <Error>. What writes bytes is done when the status is 200: S3 knows no other, and 202 says
// that it is not done yet. `act` (reply_error.h) and `key` say what was tried ("write",
// "segments/x"); an empty key means the whole store.
//   NotFound: no such key. InvalidArgument: bucket, region or endpoint are wrong.
//   Denied: keys, permissions, clock. Conflict: 412 and 409. Exhausted: quota, a body too large.
//   Unavailable: throttled, 5xx, no connection. OutcomeUnknown: a write whose reply was lost, or
//   does not say that it was done.
Status s3_status(const HttpReply& reply, std::string_view act, std::string_view key,
                 const S3Place& place);

// True for a reply of 200 to 299 that is none to this act: a page, an <Error>, another status.
bool is_s3_misanswer(const HttpReply& reply, std::string_view act);

// What to do where a reply refuses its caller, whatever was asked (S3Place::credentials says whose
// keys those are); empty for all others, of an act that is not permitted too.
std::string s3_advice_to_caller(const HttpReply& reply, const std::string& credentials);

}  // namespace dreamdb
