// What a reply of a web server means for the caller: the error with the thing, the reason and the
// way out.
//
// Thread rule: pure.
#pragma once

#include <string>
#include <string_view>

#include "http/http.h"

namespace dreamdb {

// Whom a message is about.
struct WebPlace {
  std::string store;  // "http://host:1/path"
  std::string path;   // of what was asked for, escaped: "/path/refs/main.ref"
};

// The error that `reply` stands for; ok for a status of 200 to 299 that is no page for people.
// `act` and `key` say what was tried ("write", "segments/x"); an empty key means the whole store.
//   NotFound: no such key. InvalidArgument: the address is wrong. Denied: permissions.
//   Unsupported: the server cannot do this: it takes no writes, or gives no listings.
//   Conflict: 412. Exhausted: the disk is full, a body too large. Corruption: a range was asked for
//   and much more came. Unavailable: throttled, 5xx, no connection, a page for people.
//   OutcomeUnknown: a write whose reply was lost.
Status web_status(const HttpReply& reply, std::string_view act, std::string_view key,
                  const WebPlace& place);

// How to speak to the server if it is S3: a sentence that begins with a blank. Empty when the reply
// is none of S3.
std::string s3_hint(const HttpReply& reply);

}  // namespace dreamdb
