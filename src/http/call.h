// One call of `run`: jobs on their way from the first attempt to their reply.
//
// The thread that called drives its own connections, and asks only for a place before each attempt
// (traffic.h). What an attempt's end means for its job is put together here from the pure parts:
// fault.h, incoming.h, retry.h.
//
// Thread rule: lives on one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <queue>
#include <span>
#include <string>
#include <vector>

#include "http/http.h"
#include "http/traffic.h"
#include "http/wire.h"
#include "runtime/runtime.h"

namespace dreamdb {

class Call {
 public:
  // `replies`: one for each job.
  Call(const HttpOptions& options, Runtime& runtime, Traffic& traffic,
       std::span<const HttpJob> jobs, std::span<HttpReply> replies);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Returns when each job has its reply, or the caller was interrupted.
  void run();

 private:
  // A job on its way.
  struct Flight {
    const HttpJob* job = nullptr;
    HttpReply* reply = nullptr;
    std::array<Shot*, 2> shots = {};  // in the air: the attempt and its hedge
    Part kept;                        // of the body, from attempts that were cut
    uint64_t begin_ns = 0;            // of its budget
    uint64_t late_ns = UINT64_MAX;    // when it is late enough for a hedge
    uint32_t attempts = 0;
    uint32_t failures = 0;
    uint32_t mends = 0;               // replies that the job called transient
    size_t avoid = Endpoints::kNone;  // the endpoint that failed last
    bool is_done = false;
  };
  struct Due {
    uint64_t due_ns;
    Flight* flight;
    bool operator>(const Due& other) const { return due_ns > other.due_ns; }
  };

  void launch_due();
  bool launch(Flight& flight, bool is_hedge, uint64_t now_ns);
  bool is_too_late_to_begin(Flight& flight, uint64_t now_ns);
  void launch_hedges();
  bool land_all();
  void land(Shot& shot, CURLcode code);
  void read_reply(Shot& shot, CURLcode code, HttpReply& reply, bool& is_lasting);
  void report(Shot& shot, const HttpReply& reply, bool is_whole, uint64_t now_ns);
  bool repeat_later(Flight& flight, const HttpReply& reply, bool is_mended, uint64_t now_ns);
  void keep_part(Flight& flight, Shot& shot);
  void finish(Flight& flight, HttpReply reply);
  void drop(Shot& shot);
  void release(Shot& shot);
  int wait_ms() const;
  std::unique_ptr<Shot> spare_shot();

  const HttpOptions& options_;
  Runtime& runtime_;
  Traffic& traffic_;
  std::unique_ptr<Wire> wire_;
  std::vector<Flight> flights_;
  size_t next_ = 0;  // the first that has not begun
  size_t done_ = 0;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> pausing_;
  std::vector<std::unique_ptr<Shot>> flying_, spare_;
  uint64_t next_late_ns_ = UINT64_MAX;
  bool is_waiting_ = false;  // for places
  const uint64_t begin_ns_;
  HttpFailure last_failure_ = HttpFailure::kNone;
  std::string last_what_;
};

}  // namespace dreamdb
