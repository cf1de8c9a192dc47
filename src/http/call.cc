#include "http/call.h"

#include <algorithm>
#include <utility>

#include "dreamdb/interrupt.h"
#include "http/retry.h"
#include "http/skew.h"

namespace dreamdb {

namespace {

constexpr uint64_t kMsNs = 1'000'000, kSecondNs = 1'000 * kMsNs;
constexpr int kPollMs = 100;              // at most so long without a look at the interrupt
constexpr uint64_t kLookNs = 20 * kMsNs;  // between looks at what has moved
// The bytes of an attempt that was lost have led to nothing; but a connection of an hour may break.
constexpr uint64_t kLostPartMax = 4;  // at most this part of the budget is charged for one
constexpr uint64_t kHedgeAgainNs = 10 * kMsNs;
// What the job has put right is sent again at once; what it calls transient on and on is not.
constexpr uint32_t kMendsAtOnce = 4;
// Wider is no faster for replies that take so long; what takes half the budget is too wide.
constexpr uint64_t kSlowNs = 5 * kSecondNs;

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
    case HttpFailure::kRefused:
    case HttpFailure::kStopped: break;
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
      begin_ns_(runtime.monotonic_ns()),
      pace_(begin_ns_),
      looked_ns_(begin_ns_) {
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
    bool has_landed = land_all();
    has_landed = land_late() || has_landed;
    if (!check_interrupt()) break;
    if (!has_landed && done_ < flights_.size()) wire_->wait(wait_ms());
  }
  for (Flight& flight : flights_) {
    if (flight.is_done) continue;
    flight.reply->failure = HttpFailure::kStopped;
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
    flight.begin_ns = std::max({begin_ns_, traffic_.last_good_ns(), now - pace_.unpaid_ns(now)});
    if (!is_too_late_to_begin(flight, now) && launch(flight, false, now)) --places;
  }
  for (; places > 0; --places) traffic_.return_place(wire_.get());
}

// Where no reply comes, a long batch must not take the budget of each of its jobs in turn.
bool Call::is_too_late_to_begin(Flight& flight, uint64_t now_ns) {
  if (last_failure_ == HttpFailure::kNone) return false;
  if (spent_ns(flight, now_ns) < budget_of(last_failure_, options_.budget_ns)) return false;
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
  shot->resumed_bytes = kept.size;
  shot->incoming.begin(job.body_bytes_max, std::move(kept));
  shot->only_once = job.repeat == Repeat::kNever;
  shot->is_hedge = is_hedge;
  shot->is_retry = !is_hedge && flight.attempts > 0;
  // HTTP/2, which there is under TLS alone, would put it on the connection that is late.
  shot->fresh_connection = job.races || (is_hedge && context.endpoint.starts_with("https"));
  shot->endpoint = begun.endpoint;
  shot->began_ns = shot->moved_ns = now_ns;
  shot->moved_bytes = shot->paid_ns = 0;
  shot->is_out_of_budget = false;
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

// Ends what had no byte to move for too long, and what has used up its budget.
bool Call::land_late() {
  const uint64_t now = runtime_.monotonic_ns();
  if (now - looked_ns_ < kLookNs) return false;
  look(now);
  bool has_landed = false;
  while (Shot* shot = late_shot(now)) {
    wire_->recall(*shot, CURLE_OPERATION_TIMEDOUT);
    land(*shot, CURLE_OPERATION_TIMEDOUT);
    has_landed = true;
  }
  return has_landed;
}

Shot* Call::late_shot(uint64_t now_ns) {
  for (const auto& shot : flying_) {
    const auto& flight = *static_cast<const Flight*>(shot->flight);
    shot->is_out_of_budget = spent_ns(flight, now_ns) >= options_.budget_ns;
    if (shot->is_out_of_budget || now_ns - shot->moved_ns >= options_.stall_timeout_ns)
      return shot.get();
  }
  return nullptr;
}

// Bytes that moved pay for the time of every attempt that had some of them.
void Call::look(uint64_t now_ns) {
  looked_ns_ = now_ns;
  for (const auto& shot : flying_) count_moved(*shot, now_ns);
  const uint64_t paid_ns = pace_.pay(now_ns, std::exchange(moved_bytes_, 0));
  for (const auto& shot : flying_)
    if (shot->moved_bytes > 0) pay(*shot, paid_ns, now_ns);
}

void Call::count_moved(Shot& shot, uint64_t now_ns) {
  const uint64_t moved = wire_->moved_bytes(shot);
  if (moved <= shot.moved_bytes) return;
  moved_bytes_ += moved - shot.moved_bytes;
  shot.moved_bytes = moved;
  shot.moved_ns = now_ns;
}

void Call::pay(Shot& shot, uint64_t paid_ns, uint64_t now_ns) {
  auto& flight = *static_cast<Flight*>(shot.flight);
  const Shot* const first = flight.shots[0];
  if (&shot != first && first != nullptr && first->moved_bytes > 0) return;  // one time for both
  const uint64_t own_ns = std::min(paid_ns, now_ns - shot.began_ns - shot.paid_ns);
  shot.paid_ns += own_ns;
  flight.paid_ns += own_ns;
}

// Of the budget.
uint64_t Call::spent_ns(const Flight& flight, uint64_t now_ns) {
  const uint64_t free_ns = flight.begin_ns + flight.paid_ns;
  return now_ns - std::min(now_ns, free_ns);
}

// Of a failure, with why the attempts at other endpoints failed:
// "GET http://h:1/k: timed out (3 attempts), and at http://h:2: Connection refused".
std::string Call::text_of(const Flight& flight, const Word& word) const {
  std::string text = word.name + ": " + word.reason + counted(flight.attempts);
  for (const auto& [endpoint, reason] : flight.reasons)
    if (options_.endpoints[endpoint] != word.reply.endpoint)
      text += ", and at " + options_.endpoints[endpoint] + ": " + reason;
  return text;
}

// The reply of a job whose last attempt ended with `word`. Silence in what the budget had left says
// nothing about the server: what was said before counts. Where nothing ever was, the whole time
// does.
HttpReply Call::last_word(Flight& flight, Word word, uint64_t now_ns) const {
  if (word.is_silence && !flight.word) {
    word.reason = silence_text(word.reply.failure, flight.has_begun, now_ns - flight.begin_ns);
  } else if (word.is_cut_short && word.reply.failure == HttpFailure::kTimeout &&
             flight.word->reply.failure == HttpFailure::kNotSent) {
    word.reason += ", and before that: " + flight.word->reason;  // but this one was sent
  } else if (word.is_cut_short) {
    word = *std::move(flight.word);
  }
  if (word.reply.failure != HttpFailure::kNone) word.reply.what = text_of(flight, word);
  return std::move(word.reply);
}

// What is remembered of an attempt, whatever becomes of its job.
void Call::note(Flight& flight, const Shot& shot, const Word& word) {
  flight.has_begun |= word.reply.status != 0;
  if (word.reply.failure == HttpFailure::kNone) return;
  std::string& reason = flight.reasons[shot.endpoint];
  if (!word.is_silence || reason.empty()) reason = word.reason;
  if (word.is_cut_short && last_failure_ != HttpFailure::kNone) return;
  last_failure_ = word.reply.failure;
  last_what_ = text_of(flight, word);
}

void Call::land(Shot& shot, CURLcode code) {
  auto& flight = *static_cast<Flight*>(shot.flight);
  const HttpJob& job = *flight.job;
  const uint64_t now = runtime_.monotonic_ns();
  count_moved(shot, now);
  Word word = word_of(shot, code, now - shot.began_ns);
  HttpReply& reply = word.reply;
  reply.endpoint = options_.endpoints[shot.endpoint];
  note(flight, shot, word);
  const bool replied = reply.failure == HttpFailure::kNone;
  if (replied) {
    if (const auto skew = skew_of(shot.attempt.method, reply, runtime_.now_ns()))
      traffic_.learn_skew(*skew);
  }
  const bool passes = may_pass(reply) && !word.is_lasting;
  report(shot, reply, replied && !passes, now);
  const bool is_mended = replied && !passes && job.is_transient && job.is_transient(reply);
  if (!(passes && keep_part(flight, shot)))
    flight.paid_ns -= std::min(shot.paid_ns, options_.budget_ns / kLostPartMax);
  flight.avoid = passes ? shot.endpoint : Endpoints::kNone;
  release(shot);
  const bool has_other = flight.shots[0] != nullptr || flight.shots[1] != nullptr;
  const bool again = (passes && may_repeat(reply, job.repeat)) || is_mended;
  if (((passes || is_mended) && has_other) ||  // the other attempt decides
      (again && repeat_later(flight, reply, is_mended, now))) {
    if (!word.is_silence) flight.word = std::move(word);
    return;
  }
  finish(flight, last_word(flight, std::move(word), now));
}

void Call::report(Shot& shot, const HttpReply& reply, bool is_whole, uint64_t now_ns) {
  Traffic::Ended ended;
  ended.load = load_of(reply, now_ns - shot.began_ns, options_.budget_ns);
  ended.health = health_of(reply);
  ended.is_whole = is_whole;
  ended.is_throttled = reply.status == 429 || reply.status == 503;
  traffic_.end(wire_.get(), shot, ended, now_ns);
}

// Of what two attempts brought, the longer is kept. False when this one brought nothing more.
bool Call::keep_part(Flight& flight, Shot& shot) {
  if (!flight.job->resume) return false;
  Part part = shot.incoming.take_part();
  const bool is_more = part.size > shot.resumed_bytes;
  if (part.size > flight.kept.size) flight.kept = std::move(part);
  return is_more;
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
  if (spent_ns(flight, due) >= budget_of(reply.failure, options_.budget_ns)) return false;
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
  wire_->recall(shot, CURLE_OK);
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
