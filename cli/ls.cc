// `ls`: the refs of a store; with --anchors the anchors of a dataset.
#include "cli/command.h"
#include "cli/text.h"
#include "cli/time_text.h"
#include "store/locator.h"

namespace dreamdb::cli {

namespace {

constexpr size_t kRefsAtOnce = 1000;
constexpr size_t kAnchorsAtOnce = 8192;

struct LsOptions {
  ReadArgs read;
  std::string prefix;
  bool anchors = false;
  bool names = false;
};

Status list_anchors(const LsOptions& o, Session& session) {
  DREAMDB_ASSIGN(ReadOptions options, read_options(o.read));
  options.fields.emplace();
  options.batch_rows = kAnchorsAtOnce;
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.read.locator, o.read.at));
  DREAMDB_ASSIGN(BatchStream stream, dataset.stream(options));
  while (true) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, stream.next());
    if (!batch) return {};
    for (size_t row = 0; row < batch->rows(); ++row) {
      const std::string anchor = std::to_string(batch->anchors()[row]);
      DREAMDB_TRY(session.out.line(session.json ? "{\"_anchor\":" + anchor + "}" : anchor));
    }
  }
}

Status print_ref(const LsOptions& o, Session& session, const RefInfo& ref) {
  if (o.names) return session.out.line(ref.name);
  const std::string time = iso_time(static_cast<int64_t>(ref.time_ns));
  if (session.json) {
    OrderedJson out;
    out["ref"] = ref.name;
    out["kind"] = ref.snapshot ? "snapshot" : "branch";
    out["manifest"] = ref.manifest;
    out["time_ns"] = ref.time_ns;
    out["time"] = time;
    return session.out.line(json_line(out));
  }
  return session.out.line((ref.snapshot ? "snapshot  " : "branch    ") + ref.manifest + "  " +
                          time + std::string(time.size() < 30 ? 30 - time.size() : 0, ' ') + "  " +
                          ref.name);
}

Status run_ls(const LsOptions& o, Session& session) {
  if (o.anchors) return list_anchors(o, session);
  if (o.read.where.has_value() || !o.read.at.empty()) {
    return fail(Code::kInvalidArgument,
                "--where and --at go with --anchors; refs have no filter "
                "but --prefix");
  }
  DREAMDB_ASSIGN(const Locator locator, parse_locator(o.read.locator));
  std::string after;
  while (true) {
    StoreStats cost;
    const auto refs = list_refs(locator.store_url, o.prefix, after, kRefsAtOnce, &cost);
    session.costs.push_back(cost);
    if (!refs) return std::unexpected(refs.error());
    for (const RefInfo& ref : *refs) DREAMDB_TRY(print_ref(o, session, ref));
    if (refs->size() < kRefsAtOnce) return {};
    after = refs->back().name;
  }
}

}  // namespace

void add_ls(CLI::App& app, Session& session) {
  auto o = std::make_shared<LsOptions>();
  Command command =
      add_command(app, session, "ls", "refs of a store; with --anchors the anchors of a dataset",
                  "Without --anchors the ref in LOCATOR does not matter: all branches and "
                  "snapshots are listed.",
                  "  dreamdb ls ./pets\n"
                  "  dreamdb ls ./pets --prefix main@\n"
                  "  dreamdb ls --anchors ./pets@main --where 'score > 0.5' | wc -l");
  command.alias("refs");
  add_locator(command, o->read.locator);
  command.add_flag("--anchors", o->anchors, "list the anchors of the dataset instead");
  command.add_flag("--names", o->names, "only the names of the refs");
  command.add_option("--prefix", o->prefix, "only refs whose name begins so");
  add_at(command, o->read.at);
  add_where(command, o->read.where);
  add_range(command, o->read);
  on_run(command, session, o, run_ls);
}

}  // namespace dreamdb::cli
