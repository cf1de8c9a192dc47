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

#include <memory>
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
// Cost: at most 9 waves of 16 small writes and a read each.
Result<Verdict> race_writers(Dialect& dialect, HttpClient& client, std::string_view place,
                             Runtime& runtime);

class SharedWriting {
 public:
  // All must outlive this.
  SharedWriting(Dialect& dialect, HttpClient& client, std::string place, Runtime& runtime)
      : dialect_(dialect), client_(client), place_(std::move(place)), runtime_(runtime) {}

  // The verdict: remembered, or read (one request), or raced for and written. A failure is not
  // remembered: who has mended the bucket goes on without a restart. Errors as `race_writers`.
  Result<Verdict> verdict();

 private:
  Dialect& dialect_;
  HttpClient& client_;
  const std::string place_;
  Runtime& runtime_;
  ForkSafeMutex mutex_;  // guards verdict_
  std::optional<Verdict> verdict_;
};

}  // namespace dreamdb
