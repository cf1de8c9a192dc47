#include "http/traffic.h"

#include <algorithm>
#include <mutex>

namespace dreamdb {

Traffic::Traffic(const HttpOptions& options)
    : connections_max_(std::max(options.connections_max, 1u)),
      generation_(fork_generation()),
      limit_(options.connections_first, options.connections_max),
      endpoints_(options.endpoints.size()) {}

Traffic::~Traffic() {
  const std::lock_guard lock(mutex_);
  begin_anew_in_child();
}

// Connections of the parent are left open: to close them would be to say goodbye for it.
void Traffic::begin_anew_in_child() {
  if (generation_ == fork_generation()) return;
  for (std::unique_ptr<Wire>& wire : idle_) {
    [[maybe_unused]] Wire* const parents = wire.release();
  }
  idle_.clear();
  limit_.forget_flights();
  endpoints_.forget_flights();
  generation_ = fork_generation();
}

std::unique_ptr<Wire> Traffic::take_wire() {
  {
    const std::lock_guard lock(mutex_);
    begin_anew_in_child();
    if (!idle_.empty()) {
      std::unique_ptr<Wire> wire = std::move(idle_.back());
      idle_.pop_back();
      return wire;
    }
  }
  return std::make_unique<Wire>(connections_max_);
}

void Traffic::give_back(std::unique_ptr<Wire> wire) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(wire));
}

void Traffic::wake_others(const Wire* caller) {
  for (size_t i = 0; i < limit_.callers_due(); ++i)
    if (limit_.caller_at(i) != caller)
      static_cast<Wire*>(const_cast<void*>(limit_.caller_at(i)))->wake();
}

uint32_t Traffic::take_places(Wire* caller, uint32_t wanted) {
  const std::lock_guard lock(mutex_);
  return limit_.take(caller, wanted);
}

void Traffic::take_beyond() {
  const std::lock_guard lock(mutex_);
  limit_.take_beyond();
}

bool Traffic::take_hedge() {
  const std::lock_guard lock(mutex_);
  if (!limit_.take_spare()) return false;
  if (hedges_.take()) return true;
  limit_.give_back(Limit::Word::kNothing, 0, 0);
  return false;
}

void Traffic::leave(Wire* caller) {
  const std::lock_guard lock(mutex_);
  limit_.leave(caller);
  wake_others(caller);
}

void Traffic::abandon(size_t endpoint, uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  endpoints_.done(endpoint, Endpoints::Word::kNothing, now_ns);
}

void Traffic::return_place(Wire* caller) {
  const std::lock_guard lock(mutex_);
  limit_.give_back(Limit::Word::kNothing, 0, 0);
  wake_others(caller);
}

Traffic::Begun Traffic::begin(uint64_t now_ns, size_t avoid, bool is_hedge,
                              uint64_t body_bytes_max) {
  const std::lock_guard lock(mutex_);
  if (is_hedge) {
    ++stats_.hedges;
  } else {
    hedges_.began();
  }
  return {endpoints_.pick(now_ns, avoid), hedges_.patience_ns(body_bytes_max)};
}

void Traffic::end(Wire* caller, const Shot& shot, const Ended& ended, uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (ended.is_whole) {
    last_good_ns_ = now_ns;
    hedges_.took(shot.incoming.body_bytes_max(), now_ns - shot.began_ns);
  }
  endpoints_.done(shot.endpoint, ended.health, now_ns);
  limit_.give_back(ended.load, shot.began_ns, now_ns);
  // A second send of what may be sent once did not take place.
  const uint32_t sends = std::max(shot.only_once ? 1u : shot.sends, 1u);
  stats_.attempts += sends;
  stats_.retries += sends - 1 + (shot.is_retry ? 1 : 0);
  stats_.resumed += shot.resumed_bytes > 0;
  stats_.throttled += ended.is_throttled;
  stats_.connections += shot.connections;
  stats_.sent_bytes += shot.sent_bytes;
  stats_.received_bytes += shot.incoming.received_bytes();
  wake_others(caller);
}

void Traffic::count_failed_job() {
  const std::lock_guard lock(mutex_);
  ++stats_.failed;
}

HttpStats Traffic::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace dreamdb
