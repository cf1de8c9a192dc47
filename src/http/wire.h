// The connections that one call drives, and the attempts that are in the air on them.
//
// The only code that speaks with libcurl's handles. libcurl sends a request again on its own when a
// kept connection turns out to be closed; a shot that may go only once is aborted at that moment.
//
// Thread rule: one thread at a time, but for `wake`.
#pragma once

#include <curl/curl.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "http/http.h"
#include "http/incoming.h"

namespace dreamdb {

// One attempt of a job.
struct Shot {
  void* flight = nullptr;  // whose it is, for the caller
  HttpAttempt attempt;
  Incoming incoming;
  bool only_once = false;  // never to be sent twice
  bool is_hedge = false;
  bool is_retry = false;       // the job was sent before
  uint64_t resumed_bytes = 0;  // of the body, that an earlier attempt had brought
  bool fresh_connection = false;
  size_t endpoint = 0;
  uint64_t began_ns = 0;
  // Kept by the caller: what has moved, when that last grew, and the time it has paid for (pace.h).
  uint64_t moved_bytes = 0;
  uint64_t moved_ns = 0;
  uint64_t paid_ns = 0;
  bool is_out_of_budget = false;  // why it was recalled
  // Filled by the wire:
  uint32_t sends = 0;        // times that libcurl was about to send it
  uint32_t connections = 0;  // opened for it
  uint64_t sent_bytes = 0;   // of the body
  std::string reason;        // of a failure, in libcurl's words

  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};
};

class Wire {
 public:
  // Keeps at most so many connections; how many are in use is for the limit to say.
  explicit Wire(uint32_t connections_max);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Sends `shot`, which must stay where it is until it has landed or was recalled.
  void launch(Shot& shot, const HttpOptions& options);
  // Takes a shot that has not landed out of the air; its connection is closed. `code`: why.
  void recall(Shot& shot, CURLcode code);
  // Bytes that came in of `shot`, and those of its body that went out.
  static uint64_t moved_bytes(const Shot& shot);
  // Moves bytes.
  void drive();
  // A shot that has ended, with libcurl's code; null when there is none.
  Shot* landed(CURLcode& code);
  // Returns when bytes can be moved, after `wait_ms`, or when somebody calls `wake`.
  void wait(int wait_ms);
  // From any thread.
  void wake();

 private:
  void set_up(Shot& shot, const HttpOptions& options);
  void take_down(Shot& shot, CURLcode code);

  CURLM* const multi_;
  std::vector<CURL*> easies_;  // not in use
};

}  // namespace dreamdb
