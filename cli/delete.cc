// `delete` and `tombstones`: records and values go, and which have gone.
#include "cli/anchors.h"
#include "cli/command.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

struct DeleteArgs {
  std::string locator;
  std::vector<std::string> anchors;
  std::optional<std::string> where;
  std::vector<std::string> fields;
  bool skip_missing = false;
  std::string reason;
};

struct TombstoneArgs {
  std::string locator, at;
  std::optional<std::string> field;
};

Result<DeleteReport> delete_chosen(const DeleteArgs& o, Dataset& dataset) {
  DeleteOptions options;
  if (!o.fields.empty()) options.fields = o.fields;
  options.skip_missing = o.skip_missing;
  options.reason = o.reason;
  DREAMDB_ASSIGN(const std::optional<Where> where, parse_where(o.where));
  if (where) return dataset.delete_where(*where, options);
  std::vector<uint64_t> anchors;
  DREAMDB_TRY(each_anchor(o.anchors, [&](uint64_t anchor) -> Status {
    anchors.push_back(anchor);
    return {};
  }));
  return dataset.delete_records(anchors, options);
}

std::string delete_text(const DeleteReport& report, bool are_values, const std::string& locator) {
  std::string text = are_values ? counted(report.deleted, "value", "values")
                                : counted(report.deleted, "record", "records");
  text += " deleted from " + locator;
  if (report.unchanged > 0) text += ", " + counted(report.unchanged, "was", "were") + " not there";
  if (report.missing > 0) text += ", " + with_commas(report.missing) + " never were";
  return text + ", version " + report.manifest;
}

Status run_delete(const DeleteArgs& o, Session& session) {
  if (o.where.has_value() == !o.anchors.empty())
    return fail(Code::kInvalidArgument, "say which records: by ANCHORS, or by --where");
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  DREAMDB_ASSIGN(const DeleteReport report, delete_chosen(o, dataset));
  if (!session.json)
    return session.out.line(delete_text(report, !o.fields.empty(), dataset.locator()));
  OrderedJson out;
  out["deleted"] = report.deleted;
  out["unchanged"] = report.unchanged;
  out["missing"] = report.missing;
  out["manifest"] = report.manifest;
  return session.out.line(json_line(out));
}

Status run_tombstones(const TombstoneArgs& o, Session& session) {
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  DREAMDB_ASSIGN(TombstoneStream stream, dataset.tombstones(o.field));
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Buffer> some, stream.next());
    if (!some) return {};
    const auto* anchors = reinterpret_cast<const uint64_t*>(some->data());
    for (size_t i = 0; i < some->size() / sizeof(uint64_t); ++i) {
      const std::string anchor = std::to_string(anchors[i]);
      DREAMDB_TRY(session.out.line(session.json ? "{\"anchor\":" + anchor + "}" : anchor));
    }
  }
}

}  // namespace

void add_delete(CLI::App& app, Session& session) {
  auto o = std::make_shared<DeleteArgs>();
  Command command = add_command(
      app, session, "delete", "delete records, or values of some fields",
      "They are gone from this version on, on every path, and from every version that merges it;\n"
      "no append brings them back. Older versions still have them. What is deleted already is "
      "left\nas it is. Without --skip-missing an anchor that never had a record is an error "
      "(exit 3), and\nnothing is deleted.",
      "  dreamdb delete ./pets 1000 2000 --reason 'asked for by their owner'\n"
      "  dreamdb delete ./pets --where 'label == \"cat\" and year < 2010'\n"
      "  dreamdb delete ./pets --where 'score < 0.2' --fields caption,emb\n"
      "  dreamdb delete ./pets - < anchors.txt");
  add_locator(command, o->locator);
  command.add_option("ANCHORS", o->anchors, "anchors, or - for standard input");
  add_where(command, o->where);
  add_fields(command, o->fields);
  command.add_flag("--skip-missing", o->skip_missing, "leave out anchors that do not exist");
  command.add_option("--reason", o->reason, "stands in the history, at most 256 bytes");
  on_run(command, session, o, run_delete);

  auto t = std::make_shared<TombstoneArgs>();
  Command tombstones = add_command(
      app, session, "tombstones", "anchors of deleted records, or of deleted values", "",
      "  dreamdb tombstones ./pets | wc -l\n  dreamdb tombstones ./pets --field caption");
  add_locator(tombstones, t->locator);
  add_at(tombstones, t->at);
  tombstones.add_option("--field", t->field, "where its values are deleted, not whole records");
  on_run(tombstones, session, t, run_tombstones);
}

}  // namespace dreamdb::cli
