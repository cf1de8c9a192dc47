// `ingest`: many records from JSON lines, .npy columns, or a folder that `export` wrote.
#include <algorithm>

#include "cli/command.h"
#include "cli/export_folder.h"
#include "cli/field_spec.h"
#include "cli/file_bytes.h"
#include "cli/ingest_job.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#include "dreamdb/interrupt.h"

namespace dreamdb::cli {

namespace {

struct IngestOptions {
  std::string locator, schema_file, on_conflict = "refuse", idempotency_key;
  std::vector<std::string> inputs, npy, fields;
  bool create = false;
  IngestLimits limits;
};

// Where the rows come from, after a folder of `export` has been taken apart.
struct Input {
  std::vector<std::string> files, npy;
  std::string schema_file;
  std::vector<std::pair<std::string, std::string>> meta;
};

Result<Input> resolve_input(const IngestOptions& o) {
  Input input{o.inputs, o.npy, o.schema_file, {}};
  if (o.inputs.size() == 1 && is_folder(o.inputs[0])) {
    DREAMDB_ASSIGN(ExportFolder folder, open_export(o.inputs[0]));
    input.files = {folder.records_file};
    input.npy.insert(input.npy.end(), folder.npy.begin(), folder.npy.end());
    if (o.create && input.schema_file.empty() && o.fields.empty()) {
      input.schema_file = folder.schema_file;
      input.meta = folder.meta;
    }
  } else if (o.inputs.empty() && o.npy.empty()) {
    return fail(Code::kInvalidArgument,
                "nothing to ingest: give files of JSON lines (- is standard input), --npy "
                "field=FILE, or a folder that `dreamdb export` wrote");
  }
  if (!o.create && (!o.schema_file.empty() || !o.fields.empty())) {
    return fail(Code::kInvalidArgument, "--schema and --field go with --create");
  }
  // Files that are not there are found before anything is made.
  for (const std::string& file : input.files) {
    if (file == "-") continue;
    if (is_folder(file)) {
      return fail(Code::kInvalidArgument,
                  file + " is a folder: give one such folder alone, or files");
    }
    DREAMDB_ASSIGN(const LineReader reader, LineReader::open(file));
  }
  return input;
}

// Same fields in the same order; ids and remarks may differ.
bool same_fields(const Schema& a, const Schema& b) {
  return std::equal(a.fields().begin(), a.fields().end(), b.fields().begin(), b.fields().end(),
                    [](const Field& x, const Field& y) { return field_spec(x) == field_spec(y); });
}

// Opens the dataset; with --create makes it when it is not there.
Result<Dataset> open_or_create(const IngestOptions& o, const Input& input, Session& session) {
  if (!o.create) return open_dataset(session, o.locator);
  DREAMDB_ASSIGN(const Schema schema, schema_of_options(input.schema_file, o.fields));
  DREAMDB_ASSIGN(const NpyColumns npy, NpyColumns::open(input.npy, schema));
  auto found = open_dataset(session, o.locator);
  if (found && !same_fields(found->schema(), schema)) {
    return fail(Code::kAlreadyExists, found->locator() +
                                          " is there with other fields (see `dreamdb schema`); "
                                          "leave --create away or choose another ref");
  }
  if (found || found.error().code != Code::kNotFound) return found;
  DREAMDB_ASSIGN(Dataset dataset, create_dataset(session, o.locator, schema));
  for (const auto& [key, value] : input.meta) DREAMDB_TRY(dataset.set_meta(key, value));
  return dataset;
}

Status print_report(const AppendReport& report, const IngestJob& job, const Dataset& dataset,
                    double seconds, Session& session) {
  if (session.json) {
    OrderedJson out;
    out["locator"] = dataset.locator();
    const OrderedJson counts = report_json(report);
    for (const auto& [key, value] : counts.items()) out[key] = value;
    out["commits"] = job.commits();
    out["bytes"] = job.bytes();
    out["seconds"] = seconds;
    return session.out.line(json_line(out));
  }
  if (session.quiet) return {};
  DREAMDB_TRY(session.out.line(dataset.locator() + ": " + report_text(report)));
  const std::string commits = job.commits() == 0   ? "nothing to commit"
                              : job.commits() == 1 ? "1 commit"
                                                   : with_commas(job.commits()) + " commits";
  return session.out.line("version " + report.manifest + ", " + commits + ", " +
                          throughput(report.rows, job.bytes(), seconds));
}

Status run_ingest(const IngestOptions& o, Session& session) {
  if (o.limits.skip_rows != 0 && !o.idempotency_key.empty()) {
    return fail(Code::kInvalidArgument,
                "with --idempotency-key run the same command without "
                "--skip: what was applied is skipped by itself");
  }
  catch_interrupts();
  DREAMDB_ASSIGN(const Input input, resolve_input(o));
  auto opened = [&] {
    const InterruptScope scope(interrupted);
    return open_or_create(o, input, session);
  }();
  if (!opened && interrupted())
    return fail(Code::kCancelled,
                "stopped before anything was ingested: " + opened.error().message);
  DREAMDB_ASSIGN(const Dataset dataset, std::move(opened));
  DREAMDB_ASSIGN(NpyColumns npy, NpyColumns::open(input.npy, dataset.schema()));
  AppendOptions options;
  options.on_conflict = parse_on_conflict(o.on_conflict);
  options.idempotency_key = o.idempotency_key;
  Progress progress("ingest", !session.quiet);
  IngestJob job(dataset, input.files, std::move(npy), o.limits, progress);
  auto report = job.run(options);
  progress.clear();
  if (!report) return std::unexpected(std::move(report).error());
  return print_report(*report, job, dataset, progress.seconds(), session);
}

}  // namespace

void add_ingest(CLI::App& app, Session& session) {
  auto o = std::make_shared<IngestOptions>();
  Command command = add_command(
      app, session, "ingest", "many records from JSON lines, .npy columns, or an export",
      "A line is an object: keys are fields, `_anchor` (optional, all rows or none) the place.\n"
      "  image, audio, video, blob: a path relative to the file, or {\"base64\": \"...\"}\n"
      "  text: the text, or {\"path\": \"...\"};  embedding, array: a list of numbers\n"
      "  timestamp: nanoseconds or ISO 8601;  null or no key: no value\n"
      "--npy joins columns to the lines by row order, or stands alone; `_anchor=FILE.npy` too.\n"
      "Rows become visible commit by commit; after an error the message says how to go on.",
      "  dreamdb ingest ./pets rows.jsonl\n"
      "  dreamdb ingest ./pets --create --field img:image:jpeg --field emb:embedding:512 \\\n"
      "      rows.jsonl --npy emb=emb.npy\n"
      "  zcat rows.jsonl.gz | dreamdb ingest ./pets - --on-conflict skip\n"
      "  dreamdb export ./pets dump && dreamdb ingest ./copy --create dump");
  add_locator(command, o->locator);
  command.add_option("FILES", o->inputs,
                     "JSON lines (- is standard input), or one folder of `export`");
  command.add_option("--npy", o->npy, "a column from an .npy file; may be repeated")
      .type_name("FIELD=FILE")
      .one_value_each();
  command.add_flag("--create", o->create, "make the dataset if it is not there");
  command.add_option("--field,-F", o->fields, "with --create: a field, name:type[:params][?]")
      .one_value_each();
  command.add_option("--schema", o->schema_file, "with --create: fields from a JSON file")
      .type_name("FILE");
  add_on_conflict(command, o->on_conflict);
  command.add_option("--idempotency-key", o->idempotency_key,
                     "each commit is applied once under this key, however often this is run with "
                     "the same input and limits");
  command.add_whole_number("--skip", o->limits.skip_rows, "leave out the first rows of the input");
  command.add_whole_number("--batch-rows", o->limits.batch_rows, "rows handed over at once (4096)")
      .above_zero();
  command
      .add_whole_number("--commit-rows", o->limits.commit_rows,
                        "commit after so many rows (1000000)")
      .above_zero();
  command.add_bytes("--commit-bytes", o->limits.commit_bytes,
                    "commit after so many bytes, for example 64MB (1GiB)");
  on_run(command, session, o, run_ingest);
}

}  // namespace dreamdb::cli
