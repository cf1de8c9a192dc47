#include "upkeep/space_sessions.h"

#include <algorithm>
#include <map>

#include "version/tip.h"

namespace dreamdb {

namespace {

constexpr std::string_view kFolder = "sessions/";
constexpr size_t kPageMax = 1000;

bool is_session_key(std::string_view key) {
  const std::string_view id = key.substr(kFolder.size());
  return id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<std::vector<ListedObject>> list_surely(Store& store, std::string_view prefix) {
  std::map<std::string, ListedObject> found;
  for (int round = 0; round < 2; ++round) {
    std::string after;
    for (bool more = true; more;) {
      DREAMDB_ASSIGN(ListPage page, store.list(prefix, after, kPageMax));
      for (ListedObject& object : page.objects) {
        if (object.key < after)
          return fail(Code::kUnavailable, "listing of " + std::string(prefix) + " in " +
                                              store.describe() + " names " + object.key +
                                              " after " + after + ": out of order; try again");
        after = object.key;
        found.insert_or_assign(object.key, std::move(object));
      }
      more = page.more && !page.objects.empty();
    }
  }
  std::vector<ListedObject> out;
  for (auto& [key, object] : found) out.push_back(std::move(object));
  return out;
}

Result<std::vector<ListedSession>> load_sessions(Store& store, std::string_view ids) {
  DREAMDB_ASSIGN(const std::vector<ListedObject> listed,
                 list_surely(store, std::string(kFolder) + std::string(ids)));
  std::vector<ListedSession> out;
  for (const ListedObject& object : listed) {
    if (!is_session_key(object.key)) continue;
    auto loaded = store.load(object.key);
    if (!loaded && loaded.error().code == Code::kNotFound) continue;  // ended meanwhile
    if (!loaded) return std::unexpected(std::move(loaded).error());
    DREAMDB_ASSIGN(SessionBody body, parse_session(loaded->body.span(), object.key));
    out.push_back({object.key, std::move(body), std::move(loaded->version), object.size_bytes,
                   object.time_ns});
  }
  return out;
}

bool is_expired(const ListedSession& session, uint64_t now_ns) {
  return session.time_ns + kExpiredAfterNs <= now_ns;
}

uint64_t guarded_since(const ListedSession& session) {
  const SessionBody& body = session.body;
  if (body.role == SessionRole::kCollector) return UINT64_MAX;
  const uint64_t age_ns = body.beat_ns > body.start_ns ? body.beat_ns - body.start_ns : 0;
  const uint64_t back_ns = age_ns > UINT64_MAX - kClockMarginNs ? age_ns : age_ns + kClockMarginNs;
  return session.time_ns - std::min(session.time_ns, back_ns);
}

Result<bool> fence(Store& store, Runtime& runtime, const ListedSession& session) {
  // The time was listed before the body was loaded: of that body it is only if it is so still.
  DREAMDB_ASSIGN(const ListPage page, store.list(session.key, "", 1));
  const bool is_there = !page.objects.empty() && page.objects.front().key == session.key;
  if (is_there && page.objects.front().time_ns != session.time_ns) return false;
  SessionBody body = session.body;
  body.fenced = true;
  Pauses pauses(runtime, store);
  for (;;) {
    body.write = random_write_id(runtime);
    auto swapped = store.swap(session.key, session.version, write_session(body));
    if (swapped) return true;
    const Error cause = std::move(swapped).error();
    const bool is_unanswered =
        cause.code == Code::kOutcomeUnknown || cause.code == Code::kUnavailable;
    if (cause.code != Code::kConflict && !is_unanswered) return std::unexpected(cause);
    const auto loaded = store.load(session.key);
    if (!loaded && loaded.error().code == Code::kNotFound) return true;  // it has ended
    if (loaded) {
      DREAMDB_ASSIGN(const SessionBody found, parse_session(loaded->body.span(), session.key));
      if (found.fenced) return true;
      if (loaded->version != session.version) return false;
    }
    if (!pauses.wait()) return std::unexpected(cause);
  }
}

}  // namespace dreamdb
