// The verdict on whether a store honours conditional writes: found out by a race on the very
// bucket, and kept with the space.
//
// Why a race: servers exist that check conditions one at a time and let several writers of the same
// moment win, and one and the same server ignores them when the bucket keeps versions. Only writers
// at the same time on real connections tell.
//
// Spec: spec/10-remote-stores.md, 10.3. Thread rule: every call may come from any thread, also in a
// child after fork().
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/fork.h"
#include "runtime/runtime.h"
#include "store/dialect.h"

namespace dreamdb {

struct Verdict {
  std::string place;  // endpoint and bucket that it applies to; no line feeds
  EtagStyle style = EtagStyle::kQuoted;
  bool losers_see_500 = false;  // who loses a race is told of a fault of the server
  uint64_t time_ns = 0;
  std::string unsafe;  // why nobody may write all the same; empty when all may; no line feeds
  bool operator==(const Verdict&) const = default;
};

std::string write_verdict(const Verdict& verdict);
// Empty for anything else than `write_verdict` writes.
std::optional<Verdict> parse_verdict(std::string_view text);
// ".dreamdb/writing/0123456789abcdef"
std::string verdict_key(std::string_view place);

// What a race showed: the verdict, or why writers must not share this store.
//   Unsupported: conditions do not hold. Others: the race could not be run (Denied, Unavailable,
//   ...).
// The keys of the race are `stem` and a number below kRaceRounds; it removes them.
// Cost: at most 9 waves of 16 small writes and a read each; on a web server one of 64 more.
inline constexpr size_t kRaceWriters = 16;
inline constexpr int kRaceRounds = 4;
Result<Verdict> race_writers(Dialect& dialect, HttpClient& client, std::string_view place,
                             std::string_view stem, Runtime& runtime);

// Where races of writers are run: `stem` begins so, a random name follows.
inline constexpr std::string_view kRaceFolder = ".dreamdb/race/";

// The verdict that is kept with the space for `place`; nullopt when there is none. One request.
Result<std::optional<Verdict>> read_verdict(Dialect& dialect, HttpClient& client,
                                            std::string_view place);
// Keeps it for all writers to come; forgets it, so that they race for themselves. One request.
Status keep_verdict(Dialect& dialect, HttpClient& client, const Verdict& verdict);
Status forget_verdict(Dialect& dialect, HttpClient& client, std::string_view place);

class SharedWriting {
 public:
  // All must outlive this.
  SharedWriting(Dialect& dialect, HttpClient& client, std::string place, Runtime& runtime)
      : dialect_(dialect), client_(client), place_(std::move(place)), runtime_(runtime) {}

  // The verdict: remembered, or read (one request), or raced for and written. A failure is not
  // remembered: who has mended the bucket goes on without a restart. Threads wait for the one that
  // finds it. Errors as `race_writers`; Unsupported for what an examination found unsafe.
  Result<Verdict> verdict();

  const std::string& place() const { return place_; }

 private:
  Dialect& dialect_;
  HttpClient& client_;
  const std::string place_;
  Runtime& runtime_;
  // Held by the thread that finds the verdict; one of this process's own.
  std::shared_ptr<std::mutex> finding();

  ForkSafeMutex mutex_;  // guards all below
  std::optional<Verdict> verdict_;
  std::shared_ptr<std::mutex> finding_;
  uint64_t generation_ = 0;  // of forks, that finding_ was made in
};

}  // namespace dreamdb
