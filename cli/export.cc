// `export`: a version as ordinary files.
#include "cli/command.h"
#include "cli/export_job.h"
#include "cli/interrupt.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

struct ExportOptions {
  ReadArgs read;
  std::string folder;
};

Status run_export(const ExportOptions& o, Session& session) {
  DREAMDB_ASSIGN(const ReadOptions options, read_options(o.read));
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.read.locator, o.read.at));
  catch_interrupts();
  Progress progress("export", !session.quiet);
  auto counts = export_dataset(dataset, options, o.folder, progress);
  progress.clear();
  if (!counts) return std::unexpected(std::move(counts).error());
  if (session.json) {
    OrderedJson out;
    out["folder"] = o.folder;
    out["manifest"] = dataset.manifest();
    out["rows"] = counts->rows;
    out["blobs"] = counts->blobs;
    out["bytes"] = counts->bytes;
    out["seconds"] = progress.seconds();
    return session.out.line(json_line(out));
  }
  if (session.quiet) return {};
  return session.out.line(o.folder + ": " + with_commas(counts->blobs) + " files of blobs, " +
                          throughput(counts->rows, counts->bytes, progress.seconds()));
}

}  // namespace

void add_export(CLI::App& app, Session& session) {
  auto o = std::make_shared<ExportOptions>();
  Command command = add_command(
      app, session, "export", "a version as JSON lines, files and .npy columns",
      "The folder holds export.json, schema.json, records.jsonl, one .npy file for each embedding\n"
      "and array, and one file for each image, sound, video and blob. `ingest` reads it back.",
      "  dreamdb export ./pets dump\n"
      "  dreamdb export ./pets@main@v1 cats --where 'label == \"cat\"' -f img,label\n"
      "  dreamdb ingest ./copy --create dump");
  add_locator(command, o->read.locator);
  command.add_option("DIR", o->folder, "a folder that is absent or empty").required();
  add_at(command, o->read.at);
  add_where(command, o->read.where);
  add_fields(command, o->read.fields);
  add_range(command, o->read);
  on_run(command, session, o, run_export);
}

}  // namespace dreamdb::cli
