// `verify`: all damage of a version, or of all.
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/shard.h"
#include "cli/text.h"
#include "dreamdb/upkeep.h"

namespace dreamdb::cli {

namespace {

struct VerifyArgs {
  std::string locator;
  std::optional<std::string> data;
  bool all_refs = false;
  ShardArgs shard;
};

OrderedJson damage_json(const Damage& damage) {
  OrderedJson out;
  out["key"] = damage.key;
  out["kind"] = damage.kind;
  out["what"] = damage.what;
  out["field"] = damage.field.empty() ? OrderedJson() : OrderedJson(damage.field);
  out["first"] = damage.field.empty() ? OrderedJson() : OrderedJson(damage.first);
  out["last"] = damage.field.empty() ? OrderedJson() : OrderedJson(damage.last);
  return out;
}

std::string damage_text(const VerifyReport& report) {
  std::string text;
  for (const Damage& damage : report.damages) {
    text += damage.kind + ": ";
    if (!damage.field.empty())
      text += one_line(damage.field) + ", anchors " + std::to_string(damage.first) + " to " +
              std::to_string(damage.last) + ": ";
    text += one_line(damage.what) + "\n";
  }
  return text;
}

std::string counts_text(const VerifyReport& report) {
  return counted(report.versions, "version", "versions") + ", " +
         counted(report.pages, "page", "pages") + ", " +
         counted(report.segments, "segment", "segments") + " (" +
         with_commas(report.segments_whole) + " to the last byte, " + human_bytes(report.bytes) +
         "): " +
         (report.is_clean() ? "all is well" : with_commas(report.damage_count) + " damaged");
}

// "5%", "5 %" or "0.05".
Result<double> parse_sample(std::string text) {
  const bool is_percent = text.ends_with('%');
  if (is_percent) text.pop_back();
  double part = 0;
  size_t read = 0;
  try {
    part = std::stod(text, &read);
  } catch (const std::exception&) {
    read = 0;
  }
  if (is_percent) part /= 100;
  if (read > 0 && read == text.size() && part > 0 && part <= 1) return part;
  return fail(Code::kInvalidArgument,
              "--data takes a part of the segments as 5% or 0.05, above 0 and at most all");
}

Status run_verify(const VerifyArgs& o, Session& session) {
  VerifyOptions options;
  options.data = o.data.has_value();
  if (options.data) {
    DREAMDB_ASSIGN(options.sample, parse_sample(*o.data));
  }
  options.all_refs = o.all_refs;
  DREAMDB_ASSIGN(options.shard, o.shard.shard());
  Progress progress("verify", !session.quiet);
  options.progress = [&](const VerifyProgress& p) {
    progress.show(with_commas(p.segments) + " of " + with_commas(p.segments_all) + " segments, " +
                  human_bytes(p.bytes));
    return !interrupted();
  };
  StoreStats cost;
  const auto report = verify(o.locator, options, &cost);
  session.costs.push_back(cost);
  progress.clear();
  DREAMDB_TRY(report);
  if (session.json) {
    OrderedJson out;
    for (const auto& [name, count] :
         {std::pair("versions", report->versions), std::pair("pages", report->pages),
          std::pair("segments", report->segments),
          std::pair("versions_gone", report->versions_gone),
          std::pair("segments_whole", report->segments_whole), std::pair("bytes", report->bytes)})
      out[name] = count;
    out["damages"] = OrderedJson::array();
    for (const Damage& damage : report->damages) out["damages"].push_back(damage_json(damage));
    out["damage_count"] = report->damage_count;
    DREAMDB_TRY(session.out.line(json_line(out)));
  } else {
    DREAMDB_TRY(session.out.write(damage_text(*report)));
    if (!session.quiet) DREAMDB_TRY(session.out.line(counts_text(*report)));
  }
  if (report->is_clean()) return {};
  return fail(Code::kCorruption, with_commas(report->damage_count) +
                                     " damaged: restore the objects from a copy of the store, or "
                                     "`dreamdb repair` the branch without them");
}

}  // namespace

void add_verify(CLI::App& app, Session& session) {
  auto o = std::make_shared<VerifyArgs>();
  Command command = add_command(
      app, session, "verify", "look for damage",
      "Looks at the manifest and the versions that its jump list names, every page, and every\n"
      "segment's footer; with --data at every byte, and whether each anchor is one record's. All\n"
      "that is missing, damaged or wrong is named, with its field and where its anchors lie, and\n"
      "the exit code is 6. Nothing is changed; what `--cache` keeps is not trusted.",
      "  dreamdb verify ./pets\n"
      "  dreamdb verify ./pets --data --all-refs --json\n"
      "  dreamdb verify s3://bucket/pets --data=5%\n"
      "  dreamdb verify s3://bucket/pets --data --shard 3 --of 8");
  add_locator(command, o->locator);
  command.add_flag("--data", o->data, "100%",
                   "every byte of the segments, or of a part of them: --data=5%, always the same");
  command.add_flag("--all-refs", o->all_refs, "all branches and snapshots of the store");
  add_shard(command, o->shard);
  on_run(command, session, o, run_verify);
}

}  // namespace dreamdb::cli
