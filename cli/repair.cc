// `repair`: a branch without what is lost of it.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "dreamdb/upkeep.h"

namespace dreamdb::cli {

namespace {

struct RepairArgs {
  std::string locator;
  std::optional<std::string> report;
  bool dry_run = false, quick = false;
};

std::string lost_line(const LostRows& lost) {
  OrderedJson out;
  out["key"] = lost.key;
  out["field"] = lost.field;
  out["first"] = lost.first;
  out["last"] = lost.last;
  out["rows"] = lost.rows;
  const auto* anchors = reinterpret_cast<const uint64_t*>(lost.anchors.data());
  out["anchors"] = lost.anchors.empty()
                       ? OrderedJson()
                       : OrderedJson(std::vector<uint64_t>(anchors, anchors + lost.rows));
  return json_line(out);
}

OrderedJson report_json(const RepairReport& report) {
  OrderedJson out;
  out["outcome"] = report.outcome;
  out["manifest"] = report.manifest;
  out["pages_lost"] = report.pages_lost;
  out["segments_lost"] = report.segments_lost;
  out["records_lost"] = report.records_lost;
  out["records_kept"] = report.records_kept;
  out["rows_uncovered"] = report.rows_uncovered;
  out["indexes_dropped"] = report.indexes_dropped;
  out["lists_cut"] = report.lists_cut;
  out["damage_count"] = report.found.damage_count;
  return out;
}

std::string report_text(const RepairReport& report, const RepairArgs& o) {
  if (report.outcome == "clean") return o.locator + ": nothing is lost\n";
  std::string text = std::string(o.dry_run ? "would be" : "is") +
                     " left out: " + counted(report.segments_lost, "segment, ", "segments, ") +
                     counted(report.pages_lost, "page\n", "pages\n");
  text += "  records lost: " + with_commas(report.records_lost) +
          ", introduced anew: " + with_commas(report.records_kept) + "\n";
  if (report.rows_uncovered > 0)
    text +=
        "  searched exactly until they are encoded again: " + with_commas(report.rows_uncovered) +
        " rows\n";
  for (const std::string& field : report.indexes_dropped)
    text += "  index dropped: " + one_line(field) + "\n";
  for (const std::string& list : report.lists_cut) text += "  entries lost: " + list + "\n";
  if (!o.dry_run) text += "version " + report.manifest + "\n";
  return text;
}

// The lines of `--report`, in a file that is made anew.
class ReportFile {
 public:
  Status open(const std::string& path) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) return std::unexpected(system_error(errno, "make", path));
    out_.emplace(fd_, path);
    return {};
  }
  ~ReportFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  Status line(const LostRows& lost) { return out_ ? out_->line(lost_line(lost)) : Status(); }
  Status finish() { return out_ ? out_->finish() : Status(); }

 private:
  int fd_ = -1;
  std::optional<Output> out_;
};

Status run_repair(const RepairArgs& o, Session& session) {
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  ReportFile file;
  if (o.report) DREAMDB_TRY(file.open(*o.report));
  Progress progress("repair", !session.quiet);
  RepairOptions options;
  options.dry_run = o.dry_run;
  options.data = !o.quick;
  options.on_lost = [&](const LostRows& lost) { return file.line(lost); };
  options.progress = [&](const VerifyProgress& p) {
    progress.show(with_commas(p.segments) + " of " + with_commas(p.segments_all) + " segments, " +
                  human_bytes(p.bytes));
    return !interrupted();
  };
  const auto report = repair(dataset, options);
  progress.clear();
  DREAMDB_TRY(report);
  DREAMDB_TRY(file.finish());
  if (session.json) return session.out.line(json_line(report_json(*report)));
  return session.quiet ? Status() : session.out.write(report_text(*report, o));
}

}  // namespace

void add_repair(CLI::App& app, Session& session) {
  auto o = std::make_shared<RepairArgs>();
  Command command = add_command(
      app, session, "repair", "publish a version without what is lost",
      "Reads all of the version and leaves out what is missing or damaged: segments as a whole,\n"
      "pages with all below. Records that have values left stay. Restore the objects from a copy\n"
      "of the store first, where there is one: nothing is deleted, and the version before stays,\n"
      "but what is appended afterwards stands on the new one. --report has a line of JSON for\n"
      "each piece of what is lost: key, field, first, last, rows, anchors (null: not known).",
      "  dreamdb repair ./pets --dry-run --report lost.jsonl\n"
      "  dreamdb repair ./pets --report lost.jsonl && dreamdb verify ./pets --data");
  add_locator(command, o->locator);
  command.add_flag("--dry-run", o->dry_run, "say what would be lost; change nothing");
  command.add_option("--report", o->report, "write what is lost to this file");
  command.add_flag("--quick", o->quick,
                   "look at pages and footers only: what is damaged inside of a segment stays");
  on_run(command, session, o, run_repair);
}

}  // namespace dreamdb::cli
