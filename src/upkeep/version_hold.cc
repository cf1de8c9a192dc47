#include "upkeep/version_hold.h"

#include <algorithm>

#include "format/limits.h"
#include "object/objects.h"
#include "upkeep/space_sessions.h"

namespace dreamdb {

namespace {

std::unexpected<Error> under_way(const ListedSession& collector) {
  return fail(Code::kConflict,
              "a collection is under way (process " + std::to_string(collector.body.process) +
                  " on " + collector.body.host + ", " + collector.key +
                  "), which may be about to delete the older version that this leads to; nothing "
                  "was made. Try again when it has ended, or with the tip of a branch or a "
                  "snapshot, just opened");
}

}  // namespace

Status VersionHold::take(std::span<const Address> versions) {
  if (versions.empty()) return {};
  for (size_t begin = 0; begin < versions.size(); begin += kSessionPinsMax) {
    const auto pins = versions.subspan(begin, std::min(kSessionPinsMax, versions.size() - begin));
    sessions_.push_back(
        std::make_unique<LiveSession>(store_, runtime_, writer_, SessionRole::kReader));
    DREAMDB_TRY(begin_session({pins.begin(), pins.end()}));
  }
  DREAMDB_TRY(check_collectors());
  return check_there(versions);
}

Status VersionHold::begin_session(const std::vector<Address>& pins) {
  Pauses pauses(runtime_, store_);
  for (;;) {
    const Status begun = sessions_.back()->begin(pins);
    if (begun) return {};
    const Code code = begun.error().code;
    const bool may_come =
        code == Code::kConflict || code == Code::kUnavailable || code == Code::kOutcomeUnknown;
    if (!may_come) return begun;
    if (!pauses.wait())
      return fail(Code::kUnavailable,
                  "nothing was made: the session that would keep the older "
                  "version from collectors cannot be written: " +
                      begun.error().message);
  }
}

Status VersionHold::check_collectors() {
  DREAMDB_ASSIGN(const std::vector<ListedSession> found, load_sessions(store_, kCollectorIds));
  for (const ListedSession& session : found) {
    if (session.body.role != SessionRole::kCollector || session.body.fenced) continue;
    const std::string own = sessions_.front()->key();
    DREAMDB_ASSIGN(const ListPage page, store_.list(own, "", 1));
    const bool is_listed = !page.objects.empty() && page.objects.front().key == own;
    if (!is_listed || !is_expired(session, page.objects.front().time_ns)) return under_way(session);
    DREAMDB_ASSIGN(const bool fenced, fence(store_, runtime_, session));
    if (!fenced) return under_way(session);
  }
  return {};
}

Status VersionHold::check_there(std::span<const Address> versions) {
  std::vector<std::string> keys;
  for (const Address& version : versions) keys.push_back(manifest_key(version));
  std::vector<ReadRequest> requests;
  for (const std::string& key : keys) requests.push_back({.key = key});
  const std::vector<Result<Buffer>> read = store_.read_many(requests);
  for (size_t i = 0; i < read.size(); ++i) {
    if (read[i]) continue;
    if (read[i].error().code != Code::kNotFound) return std::unexpected(read[i].error());
    return fail(Code::kNotFound, "version " + versions[i].text() + " was collected meanwhile (" +
                                     read[i].error().message + "); open one that is there");
  }
  return {};
}

Status VersionHold::may_publish() {
  for (const auto& session : sessions_) DREAMDB_TRY(session->may_publish());
  return {};
}

void VersionHold::leave() {
  for (const auto& session : sessions_) session->give_up();
}

}  // namespace dreamdb
