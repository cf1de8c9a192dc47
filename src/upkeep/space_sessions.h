// The sessions of a space, as the collector judges them (spec 11.3).
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/session.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace dreamdb {

inline constexpr uint64_t kGraceNs = 3'600'000'000'000;         // S11.7, S11.11
inline constexpr uint64_t kClockMarginNs = 300'000'000'000;     // S11.8: 5 minutes
inline constexpr uint64_t kExpiredAfterNs = 1'200'000'000'000;  // S11.8: 20 minutes
inline constexpr uint64_t kPreparedMaxNs = 1'500'000'000'000;   // S11.9: 25 minutes

struct ListedSession {
  std::string key;
  SessionBody body;
  Version version;
  uint64_t size_bytes = 0;
  uint64_t time_ns = 0;  // of the body, by the store's clock
};

// Keys below `prefix`, ascending, each once: of two listings, for what a listing misses would be
// taken for garbage. Unavailable: a listing is out of order.
Result<std::vector<ListedObject>> list_surely(Store& store, std::string_view prefix);

// By key, those whose id begins so. Keys that are no session's are left out. Corruption,
// Unsupported: one cannot be read.
Result<std::vector<ListedSession>> load_sessions(Store& store, std::string_view ids = "");

// `now_ns` by the store's clock.
bool is_expired(const ListedSession& session, uint64_t now_ns);
// Since when its objects must be left alone, by the store's clock; UINT64_MAX when it has none.
uint64_t guarded_since(const ListedSession& session);

// Ends the session if it is as it was loaded. False: it moved meanwhile, and is live.
Result<bool> fence(Store& store, Runtime& runtime, const ListedSession& session);

}  // namespace dreamdb
