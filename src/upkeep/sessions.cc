// Sessions as operators see them.
#include "store/locator.h"
#include "upkeep/collect.h"
#include "upkeep/space_refs.h"
#include "upkeep/space_sessions.h"
#include "version/live_session.h"

namespace dreamdb {

namespace {

SessionInfo session_info(const ListedSession& session, uint64_t now_ns) {
  SessionInfo out;
  out.id = session.key.substr(session_key("").size());
  out.role = role_name(session.body.role);
  out.state = session.body.fenced ? "fenced" : is_expired(session, now_ns) ? "expired" : "live";
  out.ref = session.body.ref;
  out.host = session.body.host;
  out.program = session.body.program;
  out.process = session.body.process;
  out.start_ns = session.body.start_ns;
  out.beat_ns = session.time_ns;
  for (const Address& pin : session.body.pins) out.pins.push_back(pin.text());
  return out;
}

}  // namespace

Result<std::vector<SessionInfo>> list_sessions_in(Store& store, Runtime& runtime) {
  DREAMDB_ASSIGN(const std::vector<ListedSession> sessions, load_sessions(store));
  std::vector<SessionInfo> out;
  for (const ListedSession& session : sessions)
    out.push_back(session_info(session, runtime.now_ns()));
  return out;
}

Result<uint64_t> fence_sessions_in(Store& store, Runtime& runtime,
                                   const std::optional<std::string>& id) {
  DREAMDB_ASSIGN(const std::vector<ListedSession> sessions, load_sessions(store));
  bool is_found = false;
  uint64_t count = 0;
  for (const ListedSession& session : sessions) {
    const SessionInfo info = session_info(session, runtime.now_ns());
    if (id ? info.id != *id : info.state != "expired") continue;
    is_found = true;
    if (session.body.fenced) continue;
    DREAMDB_ASSIGN(const bool fenced, fence(store, runtime, session));
    if (fenced) ++count;
    if (!fenced && id)
      return fail(Code::kConflict, "session " + *id + " moved meanwhile: try again");
  }
  if (id && !is_found)
    return fail(Code::kNotFound, "there is no session " + *id + " in " + store.describe());
  if (count == 0) return count;
  Nonce nonce{};
  runtime.random(nonce);
  DREAMDB_ASSIGN(const std::vector<ListedRef> refs, load_refs(store));
  for (const ListedRef& ref : refs)
    if (!ref.ref.snapshot) DREAMDB_TRY(raise_epoch(store, runtime, nonce, ref));
  return count;
}

Result<std::vector<SessionInfo>> list_sessions(std::string_view store_url) {
  DREAMDB_ASSIGN(const Locator locator, parse_locator(store_url));
  DREAMDB_ASSIGN(const std::shared_ptr<Store> store, open_store(locator.store_url, false));
  return list_sessions_in(*store, real_runtime());
}

Result<uint64_t> fence_sessions(std::string_view store_url, const std::optional<std::string>& id) {
  DREAMDB_ASSIGN(const Locator locator, parse_locator(store_url));
  DREAMDB_ASSIGN(const std::shared_ptr<Store> store, open_store(locator.store_url, false));
  return fence_sessions_in(*store, real_runtime(), id);
}

}  // namespace dreamdb
