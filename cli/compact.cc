// `compact`: few large segments of many small ones.
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "dreamdb/interrupt.h"
#include "dreamdb/upkeep.h"

namespace dreamdb::cli {

namespace {

struct CompactArgs {
  std::string locator;
  bool dry_run = false, purge = false;
  std::optional<uint64_t> shard, of;
  uint64_t commit_bytes = CompactOptions().commit_bytes;
};

OrderedJson compact_json(const CompactReport& report, const CompactArgs& o,
                         const Dataset& dataset) {
  OrderedJson out;
  out["locator"] = dataset.locator();
  out["manifest"] = report.manifest;
  out["dry_run"] = o.dry_run;
  out["commits"] = report.commits;
  out["given_up"] = report.given_up;
  out["tracks"] = OrderedJson::array();
  for (const CompactedTrack& track : report.tracks) {
    OrderedJson one;
    one["name"] = track.name;
    one["codes"] = track.is_codes;
    one["segments"] = track.segments;
    one["segments_read"] = track.segments_read;
    one["segments_written"] = track.segments_written;
    one["bytes_read"] = track.bytes_read;
    one["bytes_written"] = track.bytes_written;
    one["rows_read"] = track.rows_read;
    one["rows_written"] = track.rows_written;
    out["tracks"].push_back(std::move(one));
  }
  return out;
}

std::string compact_text(const CompactReport& report, const CompactArgs& o,
                         const Dataset& dataset) {
  if (report.tracks.empty() && report.given_up == 0)
    return dataset.locator() + ": nothing to compact, version " + report.manifest + "\n";
  Table table({"track", ">segments", ">read", ">written", ">bytes read", ">bytes written"});
  for (const CompactedTrack& track : report.tracks)
    table.add({one_line(track.name) + (track.is_codes ? " (codes)" : ""),
               with_commas(track.segments), with_commas(track.segments_read),
               with_commas(track.segments_written), human_bytes(track.bytes_read),
               human_bytes(track.bytes_written)});
  std::string text = table.text();
  if (report.given_up > 0)
    text += with_commas(report.given_up) +
            " pieces were given up: others have changed their segments meanwhile\n";
  return text + (o.dry_run ? "would be compacted: " : "compacted: ") + dataset.locator() +
         ", version " + report.manifest + "\n";
}

Result<CompactOptions> options_of(const CompactArgs& o, Progress& progress) {
  CompactOptions options;
  options.dry_run = o.dry_run;
  options.purge = o.purge;
  options.commit_bytes = o.commit_bytes;
  if (o.shard.has_value() != o.of.has_value())
    return fail(Code::kInvalidArgument,
                "a worker's share is --shard I --of M, I from 0 to M - 1: give both");
  if (o.shard) options.shard = Shard{*o.shard, *o.of};
  options.progress = [&](const IndexProgress& p) {
    const uint64_t percent = p.of == 0 ? 100 : 100 * p.done / p.of;
    progress.show(std::to_string(percent) + " % of " + human_bytes(p.of) + ", " +
                  human_rate(progress.seconds()) + " s");
    return !interrupted();
  };
  return options;
}

Status run_compact(const CompactArgs& o, Session& session) {
  catch_interrupts();
  const InterruptScope scope(interrupted);
  Progress progress("compact", !session.quiet);
  DREAMDB_ASSIGN(const CompactOptions options, options_of(o, progress));
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  auto report = compact(dataset, options);
  progress.clear();
  if (!report && report.error().code == Code::kCancelled)
    report.error().message += "\nWhat was committed stays; the same command goes on.";
  if (!report) return std::unexpected(std::move(report).error());
  if (session.json) return session.out.line(json_line(compact_json(*report, o, dataset)));
  if (session.quiet) return {};
  return session.out.write(compact_text(*report, o, dataset));
}

}  // namespace

void add_compact(CLI::App& app, Session& session) {
  auto o = std::make_shared<CompactArgs>();
  Command command = add_command(
      app, session, "compact", "make few large segments of many small ones",
      "Commits that add little leave small segments: more requests for whoever reads them. This\n"
      "joins those that stand side by side, in every field, in the scalar columns (whose later\n"
      "values go into their records) and in the codes of indexes. Records and values stay the\n"
      "same; older versions, and whoever reads them, are not touched. Stopped, it goes on when it\n"
      "is run again. Others may append, delete and merge meanwhile.",
      "  dreamdb compact ./pets --dry-run\n"
      "  dreamdb compact ./pets\n"
      "  dreamdb compact ./pets --purge          # without the bytes of what was deleted\n"
      "  dreamdb compact s3://b/pets --shard 0 --of 4");
  add_locator(command, o->locator);
  command.add_flag("--dry-run", o->dry_run, "print the plan; write nothing");
  command.add_flag("--purge", o->purge,
                   "also write anew every segment that holds deleted values, without them");
  command.add_whole_number("--shard", o->shard,
                           "do the part that falls to this worker, from 0 to M - 1");
  command.add_whole_number("--of", o->of, "how many workers there are").above_zero();
  command.add_bytes("--commit-bytes", o->commit_bytes,
                    "commit whenever so many bytes have been read, 4 GiB when left out");
  on_run(command, session, o, run_compact);
}

}  // namespace dreamdb::cli
