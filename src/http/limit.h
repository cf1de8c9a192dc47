// How many requests may be in flight at once, learned from how the server bears them.
//
// Additive increase, multiplicative decrease: until the server first complains each good reply adds
// one (a cold client reaches a fast server's width in a few round trips), from then on each limit's
// worth of good replies does. A complaint (429, 503, no answer in time) halves the limit, once for
// all requests that were in flight together. Good replies count only while the limit is reached: a
// client that sends one request at a time learns nothing about a hundred.
//
// Several callers share one limit. Who was denied stands in a queue, and a place is kept for each
// that stands before; so none starves beside one with an endless batch.
//
// Source: Chiu and Jain, Analysis of the Increase and Decrease Algorithms, 1989. Thread rule: the
// owner guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace dreamdb {

class Limit {
 public:
  // How a request ended, as far as the limit is concerned.
  enum class Word : uint8_t {
    kGood,
    kComplaint,  // 429, 503, a timeout
    kNothing,    // cut, not sent, dropped: says nothing about load
  };
  using Caller = const void*;

  Limit(uint32_t first, uint32_t max);

  // How many of `wanted` requests the caller may begin now; they are in flight from here on. Who
  // gets fewer than wanted stands in the queue until he got all or leaves.
  uint32_t take(Caller caller, uint32_t wanted);
  // One for which nobody waits: a hedge. False when no place is free.
  bool take_spare();
  // One that must not wait, beyond the limit if need be.
  void take_beyond() { ++in_flight_; }
  // A request ended. `began_ns` and `now_ns`: of the monotonic clock.
  void give_back(Word word, uint64_t began_ns, uint64_t now_ns);
  // The caller wants no more.
  void leave(Caller caller);

  // Those who stand in the queue and for whom there is a place: to be woken.
  size_t callers_due() const;
  Caller caller_at(size_t place) const { return queue_[place]; }

  uint32_t value() const { return limit_; }
  uint32_t in_flight() const { return in_flight_; }
  // Forgets who is in flight and who waits: in a child after fork() they are the parent's.
  void forget_flights();

 private:
  uint32_t free() const { return limit_ > in_flight_ ? limit_ - in_flight_ : 0; }

  const uint32_t max_;
  uint32_t limit_;
  uint32_t in_flight_ = 0;
  uint32_t good_ = 0;  // since the limit last grew
  bool has_complained_ = false;
  uint64_t last_cut_ns_ = 0;
  std::deque<Caller> queue_;
};

}  // namespace dreamdb
