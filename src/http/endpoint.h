// Which of a store's endpoints the next request goes to, and which are left out for a while.
//
// Requests go where the fewest are in flight. An endpoint that cannot be reached or does not answer
// in time rests at once, one that fails otherwise after several failures in a row: for a second at
// first, twice as long each time, half a minute at most. After the rest one request tries it; only
// when that went well do others follow. Where all rest, requests go on to whichever rests least:
// how long that goes on is for the budget of each job to say.
//
// Thread rule: the owner guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dreamdb {

class Endpoints {
 public:
  // What a request told of the endpoint.
  enum class Word : uint8_t {
    kAlive,    // it replied
    kFailed,   // cut, or a gateway's 502, 503, 504
    kDead,     // no connection, or no answer in time
    kNothing,  // the request was dropped
  };
  static constexpr size_t kNone = SIZE_MAX;

  explicit Endpoints(size_t count);

  // The endpoint for a request that begins now, which is in flight there until `done`. `avoid`:
  // where the job has just failed, or its other attempt is under way; taken only if all others
  // rest.
  size_t pick(uint64_t now_ns, size_t avoid = kNone);
  void done(size_t endpoint, Word word, uint64_t now_ns);

  bool is_resting(size_t endpoint, uint64_t now_ns) const;
  uint32_t in_flight(size_t endpoint) const { return states_[endpoint].in_flight; }
  // In a child after fork() what is in flight is the parent's.
  void forget_flights();

 private:
  struct State {
    uint32_t in_flight = 0;
    uint32_t failures = 0;  // in a row
    uint64_t rest_ns = 0;   // length of the last rest; 0: it is well
    uint64_t rest_until_ns = 0;
    bool is_probed = false;  // after a rest, one request is on its way
  };
  bool is_open(const State& state, uint64_t now_ns) const;

  std::vector<State> states_;
  size_t turn_ = 0;  // among equals
};

}  // namespace dreamdb
