#include "http/call.h"

#include <algorithm>
#include <utility>

#include "dreamdb/interrupt.h"
#include "http/fault.h"
#include "http/retry.h"
#include "http/skew.h"

namespace dreamdb {

namespace {

constexpr uint64_t kMsNs = 1'000'000;
constexpr int kPollMs = 100;  // at most so long without a look at the interrupt
constexpr uint64_t kHedgeAgainNs = 10 * kMsNs;
// What the job has put right is sent again at once; what it calls transient on and on is not.
constexpr uint32_t kMendsAtOnce = 4;
// Wider is no faster for replies that take so long; what takes half the budget is too wide.
constexpr uint64_t kSlowNs = 5'000 * kMsNs;

std::string named(const HttpAttempt& attempt) {
  return attempt.method + " " + attempt.url.substr(0, attempt.url.find('?'));
}

std::string counted(uint32_t attempts) {
  return " (" + std::to_string(attempts) + (attempts == 1 ? " attempt)" : " attempts)");
}

Limit::Word load_of(const HttpReply& reply, uint64_t duration_ns, uint64_t budget_ns) {
  if (reply.failure == HttpFailure::kTimeout) return Limit::Word::kComplaint;
  if (reply.failure != HttpFailure::kNone) return Limit::Word::kNothing;
  if (reply.status == 429 || reply.status == 503) return Limit::Word::kComplaint;
  if (duration_ns > budget_ns / 2) return Limit::Word::kComplaint;
  return reply.status < 500 && duration_ns < kSlowNs ? Limit::Word::kGood : Limit::Word::kNothing;
}

Endpoints::Word health_of(const HttpReply& reply) {
  switch (reply.failure) {
    case HttpFailure::kNotSent:
    case HttpFailure::kTimeout: return Endpoints::Word::kDead;
    case HttpFailure::kCut: return Endpoints::Word::kFailed;
    case HttpFailure::kNone:
    case HttpFailure::kRefused: break;
  }
  const bool gateway = reply.status >= 502 && reply.status <= 504;
  return gateway ? Endpoints::Word::kFailed : Endpoints::Word::kAlive;
}

}  // namespace

Call::Call(const HttpOptions& options, Runtime& runtime, Traffic& traffic,
           std::span<const HttpJob> jobs, std::span<HttpReply> replies)
    : options_(options),
      runtime_(runtime),
      traffic_(traffic),
      wire_(traffic.take_wire()),
      flights_(jobs.size()),
      begin_ns_(runtime.monotonic_ns()) {
  for (size_t i = 0; i < jobs.size(); ++i) {
    flights_[i].job = &jobs[i];
    flights_[i].reply = &replies[i];
  }
}

Call::~Call() {
  while (!flying_.empty()) drop(*flying_.back());
  traffic_.leave(wire_.get());
  traffic_.give_back(std::move(wire_));
}

void Call::run() {
  while (done_ < flights_.size()) {
    launch_due();
    launch_hedges();
    wire_->drive();
    const bool has_landed = land_all();
    if (!check_interrupt()) break;
    if (!has_landed && done_ < flights_.size()) wire_->wait(wait_ms());
  }
  for (Flight& flight : flights_) {
    if (flight.is_done) continue;
    flight.reply->failure = HttpFailure::kTimeout;
    flight.reply->what = "the caller asked to stop";
    flight.reply->attempts = flight.attempts;
  }
}

// Gives places to what is due: first to what was sent before.
void Call::launch_due() {
  const uint64_t now = runtime_.monotonic_ns();
  for (; next_ < flights_.size() && flights_[next_].job->races; ++next_) {
    flights_[next_].begin_ns = begin_ns_;
    traffic_.take_beyond();
    if (!launch(flights_[next_], false, now)) traffic_.return_place(wire_.get());
  }
  std::vector<Flight*> again;
  while (!pausing_.empty() && pausing_.top().due_ns <= now) {
    again.push_back(pausing_.top().flight);
    pausing_.pop();
  }
  const size_t wanted = again.size() + flights_.size() - next_;
  if (wanted == 0 && !is_waiting_) return;
  uint32_t places = traffic_.take_places(wire_.get(), static_cast<uint32_t>(wanted));
  is_waiting_ = places < wanted;
  for (Flight* flight : again) {
    if (places == 0) {
      pausing_.push({now, flight});
    } else if (launch(*flight, false, now)) {
      --places;
    }
  }
  while (next_ < flights_.size() && places > 0) {
    Flight& flight = flights_[next_++];
    flight.begin_ns = std::max(begin_ns_, traffic_.last_good_ns());
    if (!is_too_late_to_begin(flight, now) && launch(flight, false, now)) --places;
  }
  for (; places > 0; --places) traffic_.return_place(wire_.get());
}

// Where no reply comes, a long batch must not take the budget of each of its jobs in turn.
bool Call::is_too_late_to_begin(Flight& flight, uint64_t now_ns) {
  if (last_failure_ == HttpFailure::kNone) return false;
  if (now_ns - std::min(now_ns, flight.begin_ns) < budget_of(last_failure_, options_.budget_ns))
    return false;
  HttpReply reply;
  reply.failure = HttpFailure::kNotSent;
  reply.what = "not sent, since no reply came to what was sent before: " + last_what_;
  finish(flight, std::move(reply));
  return true;
}

std::unique_ptr<Shot> Call::spare_shot() {
  if (spare_.empty()) return std::make_unique<Shot>();
  std::unique_ptr<Shot> shot = std::move(spare_.back());
  spare_.pop_back();
  return shot;
}

// Sends an attempt in a place that was taken. False: it was not sent, and the place is still there.
bool Call::launch(Flight& flight, bool is_hedge, uint64_t now_ns) {
  const size_t avoid = is_hedge ? flight.shots[0]->endpoint : flight.avoid;
  const HttpJob& job = *flight.job;
  const Traffic::Begun begun = traffic_.begin(now_ns, avoid, is_hedge, job.body_bytes_max);
  Part kept = is_hedge ? Part() : std::exchange(flight.kept, {});
  AttemptContext context;
  context.endpoint = options_.endpoints[begun.endpoint];
  context.now_ns = runtime_.now_ns() + static_cast<uint64_t>(traffic_.skew_ns());
  context.received_bytes = kept.size;
  auto made = job.prepare(context);
  if (!made) {
    traffic_.abandon(begun.endpoint, now_ns);
    if (is_hedge) return false;  // the attempt under way will tell
    HttpReply reply;
    reply.failure = HttpFailure::kRefused;
    reply.error = made.error();
    reply.endpoint = context.endpoint;
    finish(flight, std::move(reply));
    return false;
  }
  std::unique_ptr<Shot> shot = spare_shot();
  shot->flight = &flight;
  shot->attempt = *std::move(made);
  shot->is_resumed = kept.size > 0;
  shot->incoming.begin(job.body_bytes_max, std::move(kept));
  shot->only_once = job.repeat == Repeat::kNever;
  shot->is_hedge = is_hedge;
  shot->is_retry = !is_hedge && flight.attempts > 0;
  // HTTP/2, which there is under TLS alone, would put it on the connection that is late.
  shot->fresh_connection = job.races || (is_hedge && context.endpoint.starts_with("https"));
  shot->endpoint = begun.endpoint;
  shot->began_ns = now_ns;
  const uint64_t spent = now_ns - std::min(now_ns, flight.begin_ns);
  shot->timeout_ns = options_.budget_ns - std::min(options_.budget_ns, spent);
  ++flight.attempts;
  flight.shots[is_hedge ? 1 : 0] = shot.get();
  flight.late_ns = UINT64_MAX;
  if (!is_hedge && job.hedge && job.repeat == Repeat::kIdempotent && begun.patience_ns)
    flight.late_ns = now_ns + *begun.patience_ns;
  next_late_ns_ = std::min(next_late_ns_, flight.late_ns);
  wire_->launch(*shot, options_);
  flying_.push_back(std::move(shot));
  return true;
}

void Call::launch_hedges() {
  if (next_late_ns_ == UINT64_MAX) return;
  const uint64_t now = runtime_.monotonic_ns();
  if (now < next_late_ns_) return;
  next_late_ns_ = UINT64_MAX;
  std::vector<Flight*> late;
  for (const auto& shot : flying_) {
    auto& flight = *static_cast<Flight*>(shot->flight);
    if (flight.late_ns <= now) late.push_back(&flight);
    if (flight.late_ns > now) next_late_ns_ = std::min(next_late_ns_, flight.late_ns);
  }
  for (Flight* flight : late) {
    if (traffic_.take_hedge()) {
      flight->late_ns = UINT64_MAX;
      if (!launch(*flight, true, now)) traffic_.return_place(wire_.get());
      continue;
    }
    flight->late_ns = now + kHedgeAgainNs;
    next_late_ns_ = std::min(next_late_ns_, flight->late_ns);
  }
}

bool Call::land_all() {
  bool has_landed = false;
  CURLcode code = CURLE_OK;
  while (Shot* shot = wire_->landed(code)) {
    land(*shot, code);
    has_landed = true;
  }
  return has_landed;
}

// What came of an attempt, as the reply that the job gets if this is its last.
void Call::read_reply(Shot& shot, CURLcode code, HttpReply& reply, bool& is_lasting) {
  const auto& flight = *static_cast<Flight*>(shot.flight);
  Incoming& incoming = shot.incoming;
  using Stop = Incoming::Stop;
  if (code == CURLE_OK) incoming.finish();
  reply.status = incoming.status();
  reply.attempts = flight.attempts;
  reply.endpoint = options_.endpoints[shot.endpoint];
  std::string reason;
  if (incoming.stop() == Stop::kBodyTooLong || incoming.stop() == Stop::kHeadTooLong) {
    is_lasting = true;
    reason =
        incoming.stop() == Stop::kHeadTooLong
            ? "the head of the reply has no end"
            : "the reply is longer than " + std::to_string(incoming.body_bytes_max()) + " bytes";
    // A write may have been done all the same.
    const bool unclear = shot.only_once || incoming.stop() == Stop::kHeadTooLong;
    reply.failure = unclear ? HttpFailure::kCut : HttpFailure::kRefused;
    if (!unclear) reply.error = {Code::kCorruption, named(shot.attempt) + ": " + reason};
  } else if (incoming.is_stale()) {
    reply.failure = HttpFailure::kCut;
    reason = "the rest of a reply that was cut is none: it is of another object or place";
  } else if (code != CURLE_OK && incoming.stop() == Stop::kNone) {
    const Fault fault = fault_of(code, shot.sends);
    reply.failure = fault.failure;
    is_lasting = fault.is_lasting;
    reply.way_out = fault.way_out;
    reason = shot.reason;
  } else if (reply.status == 0) {
    reply.failure = HttpFailure::kCut;
    reason = "the reply is none of HTTP";
  }
  reply.headers = incoming.take_headers();
  if (reply.failure == HttpFailure::kNone) {
    reply.body = incoming.take_whole();
  } else {
    reply.what = named(shot.attempt) + ": " + reason + counted(flight.attempts);
  }
}

void Call::land(Shot& shot, CURLcode code) {
  auto& flight = *static_cast<Flight*>(shot.flight);
  const HttpJob& job = *flight.job;
  HttpReply reply;
  bool is_lasting = false;
  read_reply(shot, code, reply, is_lasting);
  const uint64_t now = runtime_.monotonic_ns();
  const bool replied = reply.failure == HttpFailure::kNone;
  if (replied) {
    if (const auto skew = skew_of(shot.attempt.method, reply, runtime_.now_ns()))
      traffic_.learn_skew(*skew);
  } else {
    last_failure_ = reply.failure;
    last_what_ = reply.what;
  }
  const bool passes = may_pass(reply) && !is_lasting;
  report(shot, reply, replied && !passes, now);
  const bool is_mended = replied && !passes && job.is_transient && job.is_transient(reply);
  if (passes) keep_part(flight, shot);
  flight.avoid = passes ? shot.endpoint : Endpoints::kNone;
  release(shot);
  const bool has_other = flight.shots[0] != nullptr || flight.shots[1] != nullptr;
  if ((passes || is_mended) && has_other) return;  // the other attempt decides
  if ((passes && may_repeat(reply, job.repeat)) || is_mended) {
    if (repeat_later(flight, reply, is_mended, now)) return;
  }
  finish(flight, std::move(reply));
}

void Call::report(Shot& shot, const HttpReply& reply, bool is_whole, uint64_t now_ns) {
  Traffic::Ended ended;
  ended.load = load_of(reply, now_ns - shot.began_ns, options_.budget_ns);
  ended.health = health_of(reply);
  ended.is_whole = is_whole;
  ended.is_throttled = reply.status == 429 || reply.status == 503;
  traffic_.end(wire_.get(), shot, ended, now_ns);
}

// Of what two attempts brought, the longer is kept.
void Call::keep_part(Flight& flight, Shot& shot) {
  if (!flight.job->resume) return;
  Part part = shot.incoming.take_part();
  if (part.size > flight.kept.size) flight.kept = std::move(part);
}

// False when the budget does not reach to another attempt.
bool Call::repeat_later(Flight& flight, const HttpReply& reply, bool is_mended, uint64_t now_ns) {
  uint64_t pause = 0;
  if (!is_mended || ++flight.mends > kMendsAtOnce) {
    uint32_t draw = 0;
    runtime_.random(std::as_writable_bytes(std::span(&draw, 1)));
    const uint64_t server_now = runtime_.now_ns() + static_cast<uint64_t>(traffic_.skew_ns());
    pause = retry_pause_ns(++flight.failures, draw,
                           parse_retry_after(reply.header("retry-after"), server_now));
  }
  const uint64_t due = now_ns + pause;
  if (due - std::min(due, flight.begin_ns) >= budget_of(reply.failure, options_.budget_ns))
    return false;
  pausing_.push({due, &flight});
  return true;
}

void Call::finish(Flight& flight, HttpReply reply) {
  for (Shot* shot : flight.shots)
    if (shot != nullptr) drop(*shot);
  if ((reply.failure != HttpFailure::kNone && reply.failure != HttpFailure::kRefused) ||
      reply.status >= 500)
    traffic_.count_failed_job();
  reply.attempts = flight.attempts;
  *flight.reply = std::move(reply);
  flight.kept = {};
  flight.is_done = true;
  ++done_;
}

// Takes an attempt that nobody waits for any more out of the air.
void Call::drop(Shot& shot) {
  wire_->recall(shot);
  traffic_.end(wire_.get(), shot, {}, runtime_.monotonic_ns());
  release(shot);
}

void Call::release(Shot& shot) {
  auto& flight = *static_cast<Flight*>(shot.flight);
  for (Shot*& own : flight.shots)
    if (own == &shot) own = nullptr;
  const auto at = std::find_if(flying_.begin(), flying_.end(),
                               [&](const auto& flying) { return flying.get() == &shot; });
  std::swap(*at, flying_.back());
  spare_.push_back(std::move(flying_.back()));
  flying_.pop_back();
}

int Call::wait_ms() const {
  uint64_t next = next_late_ns_;
  // Who waits for a place is woken when there is one; being due is of no use before.
  if (!is_waiting_ && !pausing_.empty()) next = std::min(next, pausing_.top().due_ns);
  const uint64_t now = runtime_.monotonic_ns();
  if (next <= now) return 0;
  return static_cast<int>(std::min<uint64_t>((next - now) / kMsNs + 1, kPollMs));
}

}  // namespace dreamdb
