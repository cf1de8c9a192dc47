// `merge`: what other branches have comes to a branch.
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

struct MergeArgs {
  std::string target;
  std::vector<std::string> sources;
  bool dry_run = false, forward_only = false;
  uint64_t conflicts_max = MergeOptions().conflicts_max;
};

OrderedJson merge_json(const MergeReport& report) {
  OrderedJson out;
  out["outcome"] = report.outcome;
  out["target"] = report.target;
  out["sources"] = report.sources;
  const auto or_null = [](const std::string& text) {
    return text.empty() ? OrderedJson() : OrderedJson(text);
  };
  out["common_ancestor"] = or_null(report.common_ancestor);
  out["manifest"] = or_null(report.manifest);
  out["records"] = report.records;
  out["deleted"] = report.deleted;
  out["deleted_values"] = report.deleted_values;
  out["rows"] = OrderedJson::object();
  for (const auto& [field, rows] : report.rows) out["rows"][field] = rows;
  out["segments"] = report.segments;
  out["keys"] = report.keys;
  out["fields_added"] = report.fields_added;
  out["meta_changed"] = report.meta_changed;
  out["conflicts"] = OrderedJson::array();
  for (const MergeConflict& conflict : report.conflicts) {
    OrderedJson one;
    one["anchor"] = conflict.anchor;
    one["field"] = conflict.field;
    one["target"] = conflict.target;
    one["source"] = conflict.source;
    one["source_manifest"] = conflict.source_manifest;
    out["conflicts"].push_back(std::move(one));
  }
  out["more_conflicts"] = report.more_conflicts;
  out["meta_conflicts"] = report.meta_conflicts;
  return out;
}

std::string conflicts_text(const MergeReport& report) {
  std::string text;
  if (!report.conflicts.empty()) {
    Table table({">anchor", "field", "target", "source"});
    for (const MergeConflict& conflict : report.conflicts)
      table.add({std::to_string(conflict.anchor), one_line(conflict.field),
                 one_line(conflict.target), one_line(conflict.source)});
    text += table.text();
  }
  if (report.more_conflicts) text += "and more (--conflicts-max)\n";
  for (const std::string& key : report.meta_conflicts)
    text += "user map: both sides have changed " + one_line(key) + "\n";
  return text;
}

std::string merge_text(const MergeReport& report, const std::string& locator, bool dry_run) {
  if (report.outcome == "refused") return conflicts_text(report);
  if (report.outcome == "up-to-date")
    return locator + " has all of it, version " + report.manifest + "\n";
  std::string text = (dry_run ? "would be a " : "") + report.outcome + " into " + locator + ": " +
                     counted(report.records, "new record", "new records");
  if (report.deleted > 0) text += ", " + with_commas(report.deleted) + " deleted";
  if (!report.manifest.empty()) text += ", version " + report.manifest;
  text += "\n";
  for (const auto& [field, rows] : report.rows)
    text += "  " + one_line(field) + ": " + counted(rows, "row\n", "rows\n");
  for (const std::string& field : report.fields_added)
    text += "  new field " + one_line(field) + "\n";
  for (const std::string& key : report.meta_changed) text += "  user map: " + one_line(key) + "\n";
  return text;
}

Status print(const MergeReport& report, const std::string& locator, bool dry_run,
             Session& session) {
  return session.json ? session.out.line(json_line(merge_json(report)))
                      : session.out.write(merge_text(report, locator, dry_run));
}

Status run_merge(const MergeArgs& o, Session& session) {
  DREAMDB_ASSIGN(Dataset target, open_dataset(session, o.target));
  std::vector<Dataset> sources;
  for (const std::string& name : o.sources) {
    DREAMDB_ASSIGN(Dataset source, open_beside(session, target, name));
    sources.push_back(std::move(source));
  }
  MergeReport refused;
  MergeOptions options;
  options.dry_run = o.dry_run;
  options.forward_only = o.forward_only;
  options.conflicts_max = o.conflicts_max;
  options.refused = &refused;
  const auto report = target.merge(sources, options);
  if (report) {
    if (report->outcome == "refused") session.code = exit_code_of(Code::kConflict);
    return print(*report, target.locator(), o.dry_run, session);
  }
  if (!refused.outcome.empty()) DREAMDB_TRY(print(refused, target.locator(), o.dry_run, session));
  return std::unexpected(report.error());
}

}  // namespace

void add_merge(CLI::App& app, Session& session) {
  auto o = std::make_shared<MergeArgs>();
  Command command = add_command(
      app, session, "merge", "bring what other branches have to a branch",
      "The ref moves on where the source was made from its version; else one new version has what\n"
      "any of them has: records, values, fields, codes, keys of idempotency; what one has deleted\n"
      "is deleted. The same bytes at the same anchor are one record. Where both sides wrote\n"
      "different values since they parted, all is refused (exit 5), and the anchors, fields and "
      "both\n"
      "values are printed.",
      "  dreamdb merge ./pets@main try-1\n"
      "  dreamdb merge ./pets worker-0 worker-1 worker-2 --json\n"
      "  dreamdb merge ./pets try-1 --dry-run\n"
      "  dreamdb merge ./pets try-1 --dry-run --conflicts-max 100000 --json");
  command.add_option("TARGET", o->target, "locator of the branch that gets it").required();
  command.add_option("SOURCE", o->sources, "refs of the same store, or locators").required();
  command.add_flag("--dry-run", o->dry_run, "print what would happen, conflicts too; move nothing");
  command.add_flag("--fast-forward", o->forward_only,
                   "refuse where the ref cannot simply move on to the source");
  command
      .add_whole_number("--conflicts-max", o->conflicts_max,
                        "print so many conflicts at most; 1000 if not given")
      .above_zero();
  on_run(command, session, o, run_merge);
}

}  // namespace dreamdb::cli
