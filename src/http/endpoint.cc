#include "http/endpoint.h"

#include <algorithm>

namespace dreamdb {

namespace {

constexpr uint64_t kFirstRestNs = 1'000'000'000;
constexpr uint64_t kRestMaxNs = 30'000'000'000;
constexpr uint32_t kFailuresMax = 3;

}  // namespace

Endpoints::Endpoints(size_t count) : states_(count) {}

bool Endpoints::is_open(const State& state, uint64_t now_ns) const {
  return state.rest_ns == 0 || (state.rest_until_ns <= now_ns && !state.is_probed);
}

size_t Endpoints::pick(uint64_t now_ns, size_t avoid) {
  const size_t count = states_.size();
  const size_t first = turn_++;
  size_t best = kNone, soonest = kNone;
  for (size_t k = 0; k < count; ++k) {
    const size_t i = (first + k) % count;
    const State& state = states_[i];
    if (i == avoid && count > 1) continue;
    if (is_open(state, now_ns) && (best == kNone || state.in_flight < states_[best].in_flight))
      best = i;
    if (soonest == kNone || state.rest_until_ns < states_[soonest].rest_until_ns) soonest = i;
  }
  if (best == kNone && avoid < count && is_open(states_[avoid], now_ns)) best = avoid;
  if (best == kNone) best = soonest;
  State& state = states_[best];
  if (state.rest_ns > 0) state.is_probed = true;
  ++state.in_flight;
  return best;
}

void Endpoints::done(size_t endpoint, Word word, uint64_t now_ns) {
  State& state = states_[endpoint];
  if (state.in_flight > 0) --state.in_flight;
  const bool was_resting = is_resting(endpoint, now_ns);
  switch (word) {
    case Word::kAlive: state = {.in_flight = state.in_flight}; return;
    case Word::kNothing: state.is_probed = false; return;
    case Word::kFailed:
      if (++state.failures < kFailuresMax && state.rest_ns == 0) return;
      break;
    case Word::kDead: break;
  }
  if (was_resting) return;  // they flew together: one rest for all
  state.rest_ns = std::clamp(2 * state.rest_ns, kFirstRestNs, kRestMaxNs);
  state.rest_until_ns = now_ns + state.rest_ns;
  state.is_probed = false;
}

bool Endpoints::is_resting(size_t endpoint, uint64_t now_ns) const {
  return states_[endpoint].rest_ns > 0 && states_[endpoint].rest_until_ns > now_ns;
}

void Endpoints::forget_flights() {
  for (State& state : states_) {
    state.in_flight = 0;
    state.is_probed = false;
  }
}

}  // namespace dreamdb
