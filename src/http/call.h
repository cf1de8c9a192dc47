// One call of `run`: jobs on their way from the first attempt to their reply.
//
// The thread that called drives its own connections, and asks only for a place before each attempt
// (traffic.h). What an attempt's end means for its job is put together here from the pure parts:
// word.h, incoming.h, retry.h, pace.h.
//
// Thread rule: lives on one thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <vector>

#include "http/http.h"
#include "http/pace.h"
#include "http/traffic.h"
#include "http/wire.h"
#include "http/word.h"
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
    uint64_t paid_ns = 0;             // time since then that does not count: bytes moved
    uint64_t late_ns = UINT64_MAX;    // when it is late enough for a hedge
    uint32_t attempts = 0;
    uint32_t failures = 0;
    uint32_t mends = 0;                     // replies that the job called transient
    size_t avoid = Endpoints::kNone;        // the endpoint that failed last
    std::map<size_t, std::string> reasons;  // of the endpoints that failed, the last of each
    std::optional<Word> word;               // the last that was no silence
    bool has_begun = false;                 // a head came, in whichever attempt
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
  bool land_late();
  Shot* late_shot(uint64_t now_ns);
  void look(uint64_t now_ns);
  void count_moved(Shot& shot, uint64_t now_ns);
  static void pay(Shot& shot, uint64_t paid_ns, uint64_t now_ns);
  static uint64_t spent_ns(const Flight& flight, uint64_t now_ns);
  void land(Shot& shot, CURLcode code);
  void note(Flight& flight, const Shot& shot, const Word& word);
  std::string text_of(const Flight& flight, const Word& word) const;
  HttpReply last_word(Flight& flight, Word word, uint64_t now_ns) const;
  void report(Shot& shot, const HttpReply& reply, bool is_whole, uint64_t now_ns);
  bool repeat_later(Flight& flight, const HttpReply& reply, bool is_mended, uint64_t now_ns);
  static bool keep_part(Flight& flight, Shot& shot);
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
  Pace pace_;
  uint64_t moved_bytes_ = 0;  // not yet paid with
  uint64_t looked_ns_ = 0;    // when that was last done
  HttpFailure last_failure_ = HttpFailure::kNone;
  std::string last_what_;
};

}  // namespace dreamdb
