#include "version/live_session.h"

#include <algorithm>
#include <mutex>

#include "dreamdb/interrupt.h"
#include "runtime/process.h"

namespace dreamdb {

namespace {

constexpr size_t kIdBytes = 16;
constexpr int kRenewTries = 3;

std::unexpected<Error> slept() {
  return fail(Code::kConflict,
              "this writer slept so long that what it has uploaded may have been collected as "
              "garbage; nothing of it was committed, append it again");
}

}  // namespace

std::string session_key(const std::string& id) { return "sessions/" + id; }

// In a child: the session, its ticking and its locks are the parent's. `mutex_` is held.
void LiveSession::leave_parents() {
  if (generation_ == fork_generation()) return;
  generation_ = fork_generation();
  ticking_.reset();
  beat_.reset();
  id_.clear();
  fenced_ = false;
  requests_ = std::make_shared<std::mutex>();
}

LiveSession::~LiveSession() {
  std::unique_ptr<Ticking> ticking;
  {
    const std::lock_guard lock(mutex_);
    leave_parents();
    ticking = std::move(ticking_);
  }
  ticking.reset();  // waits for a tick, which takes the mutex
  const InterruptScope goes_on([] { return false; });
  if (beat_ && !fenced_ && !is_unanswered_ && !is_given_up_)
    (void)store_.swap_delete(session_key(id_), version_);
}

void LiveSession::before_upload(const Tip& tip) {
  {
    const std::lock_guard lock(mutex_);
    leave_parents();
    is_given_up_ = false;
    ref_ = tip.name;
    epoch_ = tip.ref.epoch;
    if (!unpublished_) unpublished_ = now();
    if (ticking_) return;
  }
  auto ticking = start_ticking([this] { tick(); });  // takes locks of its own
  const std::lock_guard lock(mutex_);
  if (!ticking_) std::swap(ticking_, ticking);
}

void LiveSession::settle() {
  const std::lock_guard lock(mutex_);
  leave_parents();
  unpublished_.reset();
  if (!fenced_) return;
  // What comes next is of a session of its own.
  fenced_ = false;
  beat_.reset();
  id_.clear();
}

Status LiveSession::begin(std::vector<Address> pins) {
  before_upload({});
  return pin(std::move(pins));
}

Status LiveSession::pin(std::vector<Address> pins) {
  std::sort(pins.begin(), pins.end());
  pins.erase(std::unique(pins.begin(), pins.end()), pins.end());
  {
    const std::lock_guard lock(mutex_);
    pins_ = std::move(pins);
  }
  return renew();
}

std::string LiveSession::key() {
  const std::lock_guard lock(mutex_);
  return beat_ ? session_key(id_) : "";
}

Status LiveSession::may_publish() {
  {
    const std::lock_guard lock(mutex_);
    leave_parents();
    if (fenced_) return slept();
    if (!unpublished_) return {};
    if (!beat_) {
      if (ns_between(*unpublished_, now()) > kUnpublishedMaxNs) return slept();
      return {};
    }
    if (ns_between(*beat_, now()) <= kSessionStaleNs) return {};
  }
  return renew();
}

void LiveSession::tick() {
  {
    const std::lock_guard lock(mutex_);
    if (fenced_ || is_given_up_) return;
    // A session that begins as late would seem to cover what may have been collected.
    if (!beat_ && unpublished_ && ns_between(*unpublished_, now()) > kUnpublishedMaxNs) {
      fenced_ = true;
      return;
    }
    const bool begins =
        !beat_ && unpublished_ && ns_between(*unpublished_, now()) >= kSessionAfterNs;
    const bool renews = beat_ && ns_between(*beat_, now()) >= kSessionBeatNs;
    if (!begins && !renews) return;
  }
  const InterruptScope scope([this] { return is_given_up_.load(); });
  (void)renew();  // what fails is tried again at the next tick
}

// Writes a body, the first or the next one. One of ours that came late may be in the way.
Status LiveSession::renew() {
  const std::shared_ptr<std::mutex> requests = requests_;
  const std::lock_guard one(*requests);
  for (int tries = 1;; ++tries) {
    Status renewed = try_to_renew();
    if (renewed) return renewed;
    const std::lock_guard lock(mutex_);
    if (fenced_) return slept();
    const Code code = renewed.error().code;
    if (code != Code::kConflict && code != Code::kOutcomeUnknown) return renewed;
    if (tries == kRenewTries)
      return fail(Code::kUnavailable,
                  "the session that keeps what was written from collectors "
                  "could not be renewed: " +
                      renewed.error().message);
  }
}

Status LiveSession::try_to_renew() {
  SessionBody body;
  bool is_first = false;
  Moment at;
  {
    const std::lock_guard lock(mutex_);
    at = now();
    is_first = !beat_;
    if (id_.empty()) {
      id_ = random_hex(runtime_, kIdBytes);
      if (role_ == SessionRole::kCollector) id_.replace(0, kCollectorIds.size(), kCollectorIds);
      start_ = unpublished_.value_or(at);
    }
    body.ref = ref_;
    body.epoch = epoch_;
    body.pins = pins_;
    body.start_ns = at.wall_ns - std::min(at.wall_ns, ns_between(*start_, at));
  }
  body.nonce = writer_.nonce;
  body.role = role_;
  body.host = host_name();
  body.process = process_id();
  body.program = writer_.program;
  body.beat_ns = at.wall_ns;
  body.write = random_write_id(runtime_);
  const std::string key = session_key(id_);
  auto swapped =
      store_.swap(key, is_first ? std::nullopt : std::optional(version_), write_session(body));
  if (swapped) {
    const std::lock_guard lock(mutex_);
    version_ = *std::move(swapped);
    beat_ = at;
    is_unanswered_ = false;
    return {};
  }
  if (swapped.error().code == Code::kUnavailable) {  // nothing was changed
    const std::lock_guard lock(mutex_);
    is_unanswered_ = true;
    return std::unexpected(swapped.error());
  }
  if (adopt(key, body.write, at)) return {};
  return std::unexpected(swapped.error());
}

// Looks what became of a body whose reply was lost, or that was refused: true when it is there.
bool LiveSession::adopt(const std::string& key, const WriteId& write, const Moment& at) {
  const auto loaded = store_.load(key);
  const bool gone = !loaded && loaded.error().code == Code::kNotFound;
  const bool is_answered = loaded || gone;
  const auto found = loaded ? parse_session(loaded->body.span(), key) : SessionBody{};
  const std::lock_guard lock(mutex_);
  is_unanswered_ = !is_answered;
  if (!is_answered) return false;
  if (gone) {
    fenced_ = beat_.has_value();
    return false;
  }
  if (!found) return false;
  // Written by an earlier try of ours, or by the collector; by nobody else.
  if (found->fenced) {
    fenced_ = true;
    return false;
  }
  version_ = loaded->version;
  if (!beat_) beat_ = at;
  if (found->write != write) return false;  // the next one is swapped against it
  beat_ = at;
  return true;
}

}  // namespace dreamdb
