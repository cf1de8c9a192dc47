// A writer's session: begun once its objects have waited long for the version that names them,
// renewed in the background, deleted at the end (spec 11.2).
//
// A commit that is done within a minute never asks the store for anything here.
//
// Thread rule: every call may come from any thread. In a child after fork() the session is the
// parent's: the child begins one of its own when it needs one.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "format/session.h"
#include "runtime/fork.h"
#include "runtime/moment.h"
#include "runtime/runtime.h"
#include "runtime/ticker.h"
#include "version/tip.h"

namespace dreamdb {

inline constexpr uint64_t kSessionAfterNs = 30'000'000'000;       // S11.3, half of it
inline constexpr uint64_t kSessionBeatNs = 60'000'000'000;        // S11.4, half of it
inline constexpr uint64_t kSessionStaleNs = 600'000'000'000;      // S11.5
inline constexpr uint64_t kUnpublishedMaxNs = 1'200'000'000'000;  // S11.5

// What the ids of collectors begin with (11.1).
inline constexpr std::string_view kCollectorIds = "c0";

// "sessions/<id>"
std::string session_key(const std::string& id);

class LiveSession {
 public:
  // `store` and `runtime` must outlive this.
  LiveSession(Store& store, Runtime& runtime, WriterIdentity writer,
              SessionRole role = SessionRole::kWriter)
      : store_(store), runtime_(runtime), writer_(std::move(writer)), role_(role) {}
  // Deletes the session if it was begun: one request. Of a store that did not answer last nothing
  // is asked: a session that is not deleted expires.
  ~LiveSession();
  LiveSession(const LiveSession&) = delete;
  LiveSession& operator=(const LiveSession&) = delete;

  // To be called before objects go up that no version names yet; `tip` is what they are for.
  void before_upload(const Tip& tip);
  // A version names all that went up, or it was given up.
  void settle();
  // The store does not answer, or nobody waits for it any more: it is asked for nothing before the
  // next upload, and what a tick asks of it ends.
  void give_up() { is_given_up_ = true; }

  // To be called before what went up is published: ok at no cost, but for a writer that slept.
  // Conflict: it slept so long that its objects may have been collected; write them again.
  // Others: the session is old and cannot be renewed, see `Store::swap`.
  Status may_publish();

  // Begins it now, or renews it: one request. `pins`: versions that stay readable while it lives.
  // Errors as `may_publish`.
  Status begin(std::vector<Address> pins = {});
  // The same of one that covers what goes up.
  Status pin(std::vector<Address> pins);
  // "sessions/<id>"; empty while there is none.
  std::string key();

  // What is due now: begins or renews the session. Called in the background, about every second.
  void tick();

 private:
  void leave_parents();
  Status renew();
  Status try_to_renew();
  bool adopt(const std::string& key, const WriteId& write, const Moment& at);
  Moment now() { return moment_of(runtime_); }

  Store& store_;
  Runtime& runtime_;
  const WriterIdentity writer_;
  const SessionRole role_;
  ForkSafeMutex mutex_;  // guards all below, but for what `requests_` guards
  uint64_t generation_ = fork_generation();
  std::optional<Moment> unpublished_;  // since when objects wait for a version
  std::string ref_;
  uint64_t epoch_ = 0;
  bool fenced_ = false;
  bool is_unanswered_ = false;  // the store did not answer when it was last asked
  std::optional<Moment> beat_;  // of the last body on the store; empty: no session
  std::unique_ptr<Ticking> ticking_;
  std::atomic<bool> is_given_up_ = false;
  std::shared_ptr<std::mutex> requests_ = std::make_shared<std::mutex>();  // one request at a time
  std::string id_;
  std::vector<Address> pins_;
  Version version_;
  std::optional<Moment> start_;  // when the first object went up that the session covers
};

}  // namespace dreamdb
