// `gc`: deletes what no version needs any more.
#include "cli/command.h"
#include "cli/text.h"
#include "cli/time_text.h"
#include "dreamdb/upkeep.h"
#include "store/locator.h"

namespace dreamdb::cli {

namespace {

constexpr double kDayNs = 86'400e9;

struct GcArgs {
  std::string url;
  std::optional<std::string> keep_days;
  std::optional<uint64_t> keep_last;
  std::vector<std::string> keep;
  uint64_t shard = 0, of = 1;
  uint64_t memory_bytes = GcOptions{}.memory_bytes;
  bool dry_run = false;
};

std::optional<uint64_t> parse_days(const std::string& text) {
  char* end = nullptr;
  const double days = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(days >= 0) || days > 100'000) return std::nullopt;
  return static_cast<uint64_t>(days * kDayNs);
}

OrderedJson total_json(const GcTotal& total) {
  return {{"objects", total.objects}, {"bytes", total.bytes}};
}

OrderedJson counts_json(const GcCounts& counts) {
  OrderedJson out;
  out["listed"] = total_json(counts.listed);
  out["live"] = total_json(counts.live);
  out["condemned"] = total_json(counts.condemned);
  out["protected"] = total_json(counts.guarded);
  out["unknown"] = total_json(counts.unknown);
  return out;
}

OrderedJson report_json(const GcReport& report) {
  OrderedJson out = counts_json(report.all);
  out["deleted"] = total_json(report.deleted);
  out["dry_run"] = report.dry_run;
  out["refs"] = report.refs;
  out["versions"] = report.versions;
  out["sessions"] = report.sessions;
  out["fenced"] = report.fenced;
  out["epochs"] = report.epochs;
  out["rounds"] = report.rounds;
  out["older_than_ns"] = report.older_than_ns;
  out["kinds"] = OrderedJson::object();
  for (const auto& [kind, counts] : report.by_kind) out["kinds"][kind] = counts_json(counts);
  return out;
}

std::string report_text(const GcReport& report) {
  Table table({"", ">objects", ">bytes"});
  const auto add = [&](const std::string& name, const GcTotal& total) {
    table.add({name, with_commas(total.objects), with_commas(total.bytes)});
  };
  add("listed", report.all.listed);
  add("= live", report.all.live);
  add("+ condemned", report.all.condemned);
  add("+ protected", report.all.guarded);
  add("+ unknown", report.all.unknown);
  std::string text = table.text();
  const GcTotal& gone = report.dry_run ? report.all.condemned : report.deleted;
  text += (report.dry_run ? "would delete " : "deleted ") +
          counted(gone.objects, "object", "objects") + ", " + human_bytes(gone.bytes) + "; " +
          counted(report.versions, "version", "versions") + " of " +
          counted(report.refs, "ref", "refs") + (report.versions == 1 ? " stays\n" : " stay\n");
  if (report.all.guarded.objects > 0)
    text += "protected: nothing leads to them, but they are younger than " +
            iso_time(static_cast<int64_t>(report.older_than_ns)) + "\n";
  return text;
}

Status run_gc(const GcArgs& o, Session& session) {
  DREAMDB_ASSIGN(const Locator locator, parse_locator(o.url));
  if (o.url.ends_with("@" + locator.ref))
    return fail(Code::kInvalidArgument,
                "gc is of a whole store, not of one ref; give " + locator.store_url);
  GcOptions options;
  options.keep_last = o.keep_last;
  if (o.keep_days) options.keep_ns = parse_days(*o.keep_days);
  options.keep = o.keep;
  options.dry_run = o.dry_run;
  options.shard = {o.shard, o.of};
  options.memory_bytes = o.memory_bytes;
  DREAMDB_ASSIGN(const GcReport report, gc(locator.store_url, options));
  session.costs.push_back(report.cost);
  return session.json ? session.out.line(json_line(report_json(report)))
                      : session.out.write(report_text(report));
}

}  // namespace

void add_gc(CLI::App& app, Session& session) {
  auto o = std::make_shared<GcArgs>();
  Command command = add_command(
      app, session, "gc", "delete what no version needs any more",
      "All history of every branch stays unless --keep-last or --keep-days say less; snapshots "
      "and\n"
      "tips stay always. What is younger than an hour, or than the work of a writer that is "
      "alive,\n"
      "is left alone, and so is every key that is none of ours. Safe beside writers, readers and\n"
      "other collections; when it is stopped, run it again. What cannot be read ends it before\n"
      "anything is deleted.",
      "  dreamdb gc ./pets --dry-run\n"
      "  dreamdb gc s3://bucket/pets --keep-days 30 --keep-last 100\n"
      "  dreamdb gc s3://bucket/pets --shard 3 --of 16   # one of 16 workers");
  command.add_option("URL", o->url, "the store: a folder, file://, s3://, ...").required();
  command
      .add_option("--keep-days", o->keep_days,
                  "of history, keep what was the tip of its branch within so many days")
      .type_name("DAYS")
      .check([](const std::string& text) {
        return parse_days(text) ? "" : "a number of days is needed, such as 30 or 0.5";
      });
  command
      .add_whole_number("--keep-last", o->keep_last, "of history, keep so many versions a branch")
      .above_zero();
  command.add_option("--keep", o->keep, "versions (addresses of manifests) that stay besides");
  command.add_flag("--dry-run", o->dry_run, "print what would be deleted; write nothing");
  command.add_whole_number("--shard", o->shard, "of several workers this one, 0 to OF - 1");
  command.add_whole_number("--of", o->of, "how many workers there are, at most 256").above_zero();
  command.add_bytes("--memory", o->memory_bytes,
                    "for telling what is needed from what is not (default 128 MiB)");
  on_run(command, session, o, run_gc);
}

}  // namespace dreamdb::cli
