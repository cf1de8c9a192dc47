// What comes in of one attempt: head and body of a reply, within limits, and joined to the part of
// the body that an earlier attempt had brought before it was cut.
//
// A part is gone on from only when the new reply is a 206 that begins at the very next byte of an
// object of the same size and strong tag. A 200 in its place is the whole object and begins anew;
// anything else that contradicts the part ends the attempt, and the next one begins anew.
//
// Source: RFC 9110, 14 and 15.3.7.3. Thread rule: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "dreamdb/buffer.h"

namespace dreamdb {

using HttpHeaders = std::map<std::string, std::string>;  // names in lower case

// The first bytes of a body, and what the rest must agree with.
struct Part {
  MutableBuffer memory;
  uint64_t size = 0;   // bytes in `memory`; 0: there is none
  uint64_t first = 0;  // where they begin in the object
  uint64_t total = 0;  // size of the object
  std::string etag;
};

// True when the reply's body follows right after `part`.
bool goes_on(const Part& part, int status, const HttpHeaders& headers);

class Incoming {
 public:
  // Why no more is wanted of an attempt.
  enum class Stop : uint8_t {
    kNone,
    kHeadTooLong,
    kBodyTooLong,
    kErrorEnough,  // the body of an error: what was kept of it will do
    kOtherPart,    // it does not go on where it should
  };

  // `body_bytes_max`: of the whole body, with what is kept. `kept`: of earlier attempts.
  void begin(uint64_t body_bytes_max, Part kept);
  // A line of the head, with or without its end. False: stop.
  bool take_line(std::string_view line);
  // Bytes of the body. False: stop.
  bool take_body(std::span<const std::byte> bytes);
  // Nothing more comes, and nothing is missing. False: as `take_body`.
  bool finish();

  int status() const { return status_; }  // 0 until a head began
  const HttpHeaders& headers() const { return headers_; }
  HttpHeaders take_headers() { return std::move(headers_); }
  uint64_t body_bytes_max() const { return body_bytes_max_; }
  Stop stop() const { return stop_; }
  // True when the object is not the one that the kept part is of, or no longer has that range: the
  // reply is no answer to the job, which begins anew.
  bool is_stale() const;
  uint64_t received_bytes() const { return received_; }  // of bodies, in this attempt
  uint64_t moved_bytes() const { return head_bytes_ + received_; }

  // The whole body, or what was kept of an error's; once.
  Buffer take_whole();
  // After a cut: what another attempt can go on from. Of an error that came in place of the rest:
  // what there was before. Without a size when it must begin anew; once.
  Part take_part();

 private:
  bool settle();
  bool grow(uint64_t needed);
  bool is_success() const { return status_ >= 200 && status_ < 300; }

  uint64_t body_bytes_max_ = 0;
  Part part_;  // what is kept, and then what has come
  bool resumes_ = false;
  std::string error_;  // body of an error
  int status_ = 0;
  HttpHeaders headers_;
  uint64_t head_bytes_ = 0;
  bool is_in_head_ = false;
  bool is_settled_ = false;  // what the body is was decided
  uint64_t received_ = 0;
  Stop stop_ = Stop::kNone;
};

}  // namespace dreamdb
