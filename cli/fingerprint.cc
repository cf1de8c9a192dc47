// `fingerprint`: what tells whether two versions have the same records.
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/shard.h"
#include "cli/text.h"
#include "dreamdb/upkeep.h"

namespace dreamdb::cli {

namespace {

struct FingerprintArgs {
  std::string locator, at;
  ShardArgs shard;
};

OrderedJson print_json(const Fingerprint& found) {
  OrderedJson out;
  out["fingerprint"] = found.text;
  out["records"] = found.records;
  return out;
}

Status run_fingerprint(const FingerprintArgs& o, Session& session) {
  FingerprintOptions options;
  DREAMDB_ASSIGN(options.shard, o.shard.shard());
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  Progress progress("fingerprint", !session.quiet);
  options.progress = [&](uint64_t done) {
    progress.show(with_commas(done) + " records");
    return !interrupted();
  };
  const auto found = fingerprint(dataset, options);
  progress.clear();
  DREAMDB_TRY(found);
  if (session.json) {
    OrderedJson out = print_json(*found);
    out["manifest"] = dataset.manifest();
    if (options.shard) out["part"] = found->part;
    return session.out.line(json_line(out));
  }
  return session.out.line(options.shard ? found->part : found->text);
}

struct JoinArgs {
  std::vector<std::string> parts;
};

Status run_join(const JoinArgs& o, Session& session) {
  DREAMDB_ASSIGN(const Fingerprint found, join_fingerprints(o.parts));
  return session.out.line(session.json ? json_line(print_json(found)) : found.text);
}

}  // namespace

void add_fingerprint(CLI::App& app, Session& session) {
  auto o = std::make_shared<FingerprintArgs>();
  Command command = add_command(
      app, session, "fingerprint", "what tells whether two versions have the same records",
      "The same 64 digits for two versions exactly when they have the same anchors with the same\n"
      "values of the same fields, whatever their histories are. Reads every value. Workers that\n"
      "share it print parts, which `join-fingerprints` makes one of.",
      "  dreamdb fingerprint ./pets\n"
      "  dreamdb fingerprint ./pets --at 2026-01-02\n"
      "  dreamdb join-fingerprints $(dreamdb fingerprint ./pets --shard 0 --of 2) \\\n"
      "      $(dreamdb fingerprint ./pets --shard 1 --of 2)");
  add_locator(command, o->locator);
  add_at(command, o->at);
  add_shard(command, o->shard);
  on_run(command, session, o, run_fingerprint);

  auto j = std::make_shared<JoinArgs>();
  Command join = add_command(app, session, "join-fingerprints",
                             "the fingerprint of all records from those of shards", "", "");
  join.add_option("PART", j->parts, "what each shard has printed").required();
  on_run(join, session, j, run_join);
}

}  // namespace dreamdb::cli
