// What an error of libcurl means for the job: was anything sent, may it pass, what can be done.
//
// Thread rule: pure.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <string_view>

#include "http/http.h"

namespace dreamdb {

struct Fault {
  HttpFailure failure = HttpFailure::kNone;
  bool is_lasting = false;   // no attempt will fare better until somebody changes something
  std::string_view way_out;  // what to change; empty: nothing in particular
};

// `code`: of an attempt that failed. `sends`: how many times libcurl was about to send it. What was
// about to be sent once may have arrived, whatever became of the connection.
Fault fault_of(CURLcode code, uint32_t sends);

}  // namespace dreamdb
