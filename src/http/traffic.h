// What all calls of one client share: the limit on requests in flight, the health of the endpoints,
// what hedges may be sent, the server's clock, the figures, and connections that no call uses.
//
// Thread rule: every call may come from any thread, also in a child after fork(), which begins with
// nothing in flight and no connections. No lock is held while a call drives its connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "http/endpoint.h"
#include "http/hedge.h"
#include "http/http.h"
#include "http/limit.h"
#include "http/wire.h"
#include "runtime/fork.h"

namespace dreamdb {

class Traffic {
 public:
  explicit Traffic(const HttpOptions& options);
  ~Traffic();

  // Connections for one call; the ones used last are the first to be given.
  std::unique_ptr<Wire> take_wire();
  void give_back(std::unique_ptr<Wire> wire);

  // As `Limit::take`. Who gets fewer than wanted is woken when there is room.
  uint32_t take_places(Wire* caller, uint32_t wanted);
  // A place beyond the limit, for a racer.
  void take_beyond();
  // A place for a hedge, when there is one to spare and hedges are not used up.
  bool take_hedge();
  // The caller wants no more places.
  void leave(Wire* caller);
  // An attempt begins, in a place that was taken.
  struct Begun {
    size_t endpoint = 0;
    std::optional<uint64_t> patience_ns;  // after which it is late
  };
  Begun begin(uint64_t now_ns, size_t avoid, bool is_hedge, uint64_t body_bytes_max);
  // An attempt that had begun was not sent after all; the caller still has its place.
  void abandon(size_t endpoint, uint64_t now_ns);
  // A place that was not used.
  void return_place(Wire* caller);
  // An attempt has ended; its place is free.
  struct Ended {
    Limit::Word load = Limit::Word::kNothing;
    Endpoints::Word health = Endpoints::Word::kNothing;
    bool is_whole = false;  // with a reply that is neither cut nor a fault
    bool is_throttled = false;
  };
  void end(Wire* caller, const Shot& shot, const Ended& ended, uint64_t now_ns);
  void count_failed_job();

  // When a good reply last came, on the monotonic clock; 0: never.
  uint64_t last_good_ns() const { return last_good_ns_; }
  int64_t skew_ns() const { return skew_ns_; }
  void learn_skew(int64_t skew_ns) { skew_ns_ = skew_ns; }
  HttpStats stats() const;

 private:
  void begin_anew_in_child();
  void wake_others(const Wire* caller);

  const uint32_t connections_max_;
  std::atomic<int64_t> skew_ns_{0};
  std::atomic<uint64_t> last_good_ns_{0};
  mutable ForkSafeMutex mutex_;  // guards all below
  uint64_t generation_;
  Limit limit_;
  Endpoints endpoints_;
  Hedges hedges_;
  HttpStats stats_;
  std::vector<std::unique_ptr<Wire>> idle_;
};

}  // namespace dreamdb
