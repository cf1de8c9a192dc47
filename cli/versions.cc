// `snapshot`, `branch`, `delete-ref`: names of versions.
#include "cli/command.h"
#include "store/locator.h"

namespace dreamdb::cli {

namespace {

struct NameOptions {
  std::string locator, at, name;
};

Status run_snapshot(const NameOptions& o, Session& session) {
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  DREAMDB_ASSIGN(const RefInfo ref, dataset.snapshot(o.name));
  if (session.json) {
    OrderedJson out;
    out["ref"] = ref.name;
    out["locator"] = dataset.store_url() + "@" + ref.name;
    out["manifest"] = ref.manifest;
    out["timeline"] = dataset.timeline();
    return session.out.line(json_line(out));
  }
  return session.out.line("snapshot " + dataset.store_url() + "@" + ref.name + ", version " +
                          ref.manifest);
}

Status run_branch(const NameOptions& o, Session& session) {
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  DREAMDB_ASSIGN(const Dataset branch, dataset.branch(o.name));
  if (session.json) {
    OrderedJson out;
    out["ref"] = branch.ref_name();
    out["locator"] = branch.locator();
    out["manifest"] = branch.manifest();
    return session.out.line(json_line(out));
  }
  return session.out.line("branch " + branch.locator() + " at version " + branch.manifest());
}

Status run_delete_ref(const NameOptions& o, Session& session) {
  DREAMDB_ASSIGN(const Locator locator, parse_locator(o.locator));
  if (!o.locator.ends_with("@" + locator.ref)) {
    return fail(Code::kInvalidArgument,
                "write the ref out, so that nothing is deleted by a name "
                "that was left out: " +
                    o.locator + "@" + locator.ref);
  }
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  const std::string manifest = dataset.manifest();
  const std::string ref = dataset.ref_name();
  DREAMDB_TRY(dataset.delete_ref(ref));
  if (session.json) {
    return session.out.line(json_line(OrderedJson{{"deleted", ref}, {"manifest", manifest}}));
  }
  return session.out.line("deleted ref " + ref + "; its version stays readable with --at " +
                          manifest + " from any other ref until it is collected");
}

}  // namespace

void add_versions(CLI::App& app, Session& session) {
  auto s = std::make_shared<NameOptions>();
  Command snapshot = add_command(app, session, "snapshot", "name this version for good",
                                 "Snapshot v1 of the ref main is the ref main@v1; it never moves.",
                                 "  dreamdb snapshot ./pets v1\n  dreamdb count ./pets@main@v1");
  add_locator(snapshot, s->locator);
  snapshot.add_option("LABEL", s->name, "characters a-z 0-9 _ -").required();
  on_run(snapshot, session, s, run_snapshot);

  auto b = std::make_shared<NameOptions>();
  Command branch = add_command(
      app, session, "branch", "make a new ref at a version",
      "Costs three requests whatever the size, and four more for a version that is no tip, which\n"
      "is kept from collections meanwhile; nothing is copied.",
      "  dreamdb branch ./pets try-1\n  dreamdb ingest ./pets@try-1 more.jsonl\n"
      "  dreamdb branch ./pets@main@v1 from-v1\n  dreamdb branch ./pets old --at 2026-01-02");
  add_locator(branch, b->locator);
  branch.add_option("NAME", b->name, "the new ref: segments of a-z 0-9 _ - joined by /").required();
  add_at(branch, b->at);
  on_run(branch, session, b, run_branch);

  auto d = std::make_shared<NameOptions>();
  Command remove = add_command(app, session, "delete-ref", "delete a branch or a snapshot",
                               "Only the name goes; no data is deleted by this.",
                               "  dreamdb delete-ref ./pets@try-1");
  add_locator(remove, d->locator);
  on_run(remove, session, d, run_delete_ref);
}

}  // namespace dreamdb::cli
