// What came of an attempt, as the client may have to tell it.
//
// Thread rule: pure.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <string>

#include "http/http.h"
#include "http/wire.h"

namespace dreamdb {

struct Word {
  HttpReply reply;     // without `what`; of a failure without a body
  std::string name;    // of the request: "GET http://h:1/b/k"
  std::string reason;  // of a failure
  bool is_lasting = false;
  bool is_silence = false;    // nobody said anything, in the time there was
  bool is_cut_short = false;  // and that was only what the budget had left
};

// `shot`: one that has ended with `code`, after so long; what it brought is taken out of it.
Word word_of(Shot& shot, CURLcode code, uint64_t time_ns);

// What did not come in so long: `failure` says whether it was asked for, `has_begun` whether any of
// it came. "no answer in 60 s".
std::string silence_text(HttpFailure failure, bool has_begun, uint64_t time_ns);

// " (3 attempts)".
std::string counted(uint32_t attempts);

}  // namespace dreamdb
