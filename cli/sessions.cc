// `sessions`: who is at work on a store, and ending those who are not any more.
#include "cli/command.h"
#include "cli/text.h"
#include "cli/time_text.h"
#include "dreamdb/upkeep.h"
#include "store/locator.h"

namespace dreamdb::cli {

namespace {

struct SessionsArgs {
  std::string act, url, id;
};

Status list(const std::string& url, Session& session) {
  DREAMDB_ASSIGN(const std::vector<SessionInfo> sessions, list_sessions(url));
  Table table({"id", "state", "role", "ref", "host", ">process", "heard of", "program"});
  for (const SessionInfo& one : sessions) {
    const std::string beat = iso_time(static_cast<int64_t>(one.beat_ns));
    if (session.json) {
      OrderedJson out;
      out["id"] = one.id;
      out["state"] = one.state;
      out["role"] = one.role;
      out["ref"] = one.ref.empty() ? OrderedJson() : OrderedJson(one.ref);
      out["host"] = one.host;
      out["process"] = one.process;
      out["program"] = one.program;
      out["start_ns"] = one.start_ns;
      out["beat_ns"] = one.beat_ns;
      out["beat"] = beat;
      out["pins"] = one.pins;
      DREAMDB_TRY(session.out.line(json_line(out)));
    } else {
      table.add({one.id, one.state, one.role, one_line(one.ref), one_line(one.host),
                 std::to_string(one.process), beat, one_line(one.program)});
    }
  }
  return session.json || sessions.empty() ? Status() : session.out.write(table.text());
}

Status run_sessions(const SessionsArgs& o, Session& session) {
  DREAMDB_ASSIGN(const Locator locator, parse_locator(o.url));
  if (o.act == "ls") {
    if (!o.id.empty()) return fail(Code::kInvalidArgument, "sessions ls takes no ID");
    return list(locator.store_url, session);
  }
  DREAMDB_ASSIGN(
      const uint64_t fenced,
      fence_sessions(locator.store_url, o.id.empty() ? std::nullopt : std::optional(o.id)));
  if (session.json) return session.out.line(json_line(OrderedJson{{"fenced", fenced}}));
  return session.out.line("ended " + counted(fenced, "session", "sessions"));
}

}  // namespace

void add_sessions(CLI::App& app, Session& session) {
  auto o = std::make_shared<SessionsArgs>();
  Command command = add_command(
      app, session, "sessions", "list who is at work on a store, or end sessions",
      "A writer whose objects wait for their version has a session, and renews it each minute;\n"
      "what it has put is not collected meanwhile. One that has not been heard of for 20 minutes\n"
      "has expired, and gc ends it. `fence` ends those that have expired, or the one with ID, "
      "live\n"
      "or not: its writer commits nothing more of what it has put, and is told so.",
      "  dreamdb sessions ls ./pets\n"
      "  dreamdb sessions fence s3://bucket/pets\n"
      "  dreamdb sessions fence ./pets 0f3c5a0e9b1d4c7fa2b86e1d5c3f7a90");
  command.add_option("ACT", o->act, "ls or fence").required().one_of({"ls", "fence"});
  command.add_option("URL", o->url, "the store: a folder, file://, s3://, ...").required();
  command.add_option("ID", o->id, "the session to end; left out: those that have expired");
  on_run(command, session, o, run_sessions);
}

}  // namespace dreamdb::cli
