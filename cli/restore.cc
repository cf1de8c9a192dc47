// `restore`: a branch has again what an older version of it had.
#include "cli/command.h"

namespace dreamdb::cli {

namespace {

struct RestoreArgs {
  std::string locator, at;
  std::string version;
};

Status run_restore(const RestoreArgs& o, Session& session) {
  if (o.version.empty() == o.at.empty())
    return fail(Code::kInvalidArgument, "say which version: by VERSION, or by --at");
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  DREAMDB_ASSIGN(const Dataset older, o.at.empty() ? open_beside(session, dataset, o.version)
                                                   : open_dataset(session, o.locator, o.at));
  DREAMDB_ASSIGN(const std::string manifest, dataset.restore(older));
  if (session.json)
    return session.out.line(
        json_line(OrderedJson{{"restored", older.manifest()}, {"manifest", manifest}}));
  return session.out.line("restored " + older.manifest() + " to " + dataset.locator() +
                          ", version " + manifest);
}

}  // namespace

void add_restore(CLI::App& app, Session& session) {
  auto o = std::make_shared<RestoreArgs>();
  Command command = add_command(
      app, session, "restore", "go back to what an older version of a branch had",
      "One new version with the records, fields, indexes and remarks of the older one: what was\n"
      "deleted since is there again, what came since is not. No version is lost: restore the one\n"
      "before to undo it. A merge with a branch that has them deletes and brings them anew.",
      "  dreamdb restore ./pets v1\n"
      "  dreamdb restore ./pets@try-1 try-1@good\n"
      "  dreamdb restore ./pets --at 2026-01-02T00:00:00Z");
  add_locator(command, o->locator);
  command.add_option("VERSION", o->version, "a snapshot or branch of the same store");
  add_at(command, o->at);
  on_run(command, session, o, run_restore);
}

}  // namespace dreamdb::cli
