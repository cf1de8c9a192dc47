// What a reply of S3 means for the caller: the error with the thing, the reason and the way out.
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/http.h"

namespace dreamdb {

// Whom a message is about. Nothing in it is secret.
struct S3Place {
  std::string store;  // "s3://bucket/prefix"
  std::string bucket;
  std::string region;       // that requests are signed for
  std::string credentials;  // where they came from: "AWS_ACCESS_KEY_ID"
  bool anonymous = false;
  uint64_t now_ns = 0;  // wall clock of this machine, to tell a skew
};

// The error that `reply` stands for; ok for a status of 200 to 299 that is no page for people.
// `act` and `key` say what was tried ("write", "segments/x"); an empty key means the whole store.
//   NotFound: no such key. InvalidArgument: bucket, region or endpoint are wrong.
//   Denied: keys, permissions, clock. Conflict: 412 and 409. Exhausted: quota, a body too large.
//   Unavailable: throttled, 5xx, no connection. OutcomeUnknown: a write whose reply was lost.
Status s3_status(const HttpReply& reply, std::string_view act, std::string_view key,
                 const S3Place& place);

// True for acts that change nothing: "read" and "list".
bool only_reads(std::string_view act);

}  // namespace dreamdb
