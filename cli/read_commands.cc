// `count`, `stream`, `take` and `values`: records and numbers out, one pass over the data.
#include "cli/anchors.h"
#include "cli/command.h"
#include "cli/json_row.h"
#include "cli/progress.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

constexpr size_t kTakeRows = 1024;  // anchors asked for at once
constexpr size_t kBatchRows = 256;

struct StreamOptions {
  ReadArgs read;
  bool blobs = false;
  uint64_t limit = UINT64_MAX;
};

// Without --blobs and --fields, payloads are left out: they would be fetched only to be hashed.
std::vector<std::string> light_fields(const Schema& schema) {
  std::vector<std::string> names;
  for (const Field& field : schema.fields()) {
    if (!is_blob(field.type) || field.type == FieldType::kText) names.push_back(field.name);
  }
  return names;
}

Status run_count(const ReadArgs& o, Session& session) {
  DREAMDB_ASSIGN(const std::optional<Where> where, parse_where(o.where));
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  DREAMDB_ASSIGN(const uint64_t count, dataset.count(where));
  return session.out.line(session.json ? json_line(OrderedJson{{"count", count}})
                                       : std::to_string(count));
}

Status run_stream(const StreamOptions& o, Session& session) {
  DREAMDB_ASSIGN(ReadOptions options, read_options(o.read));
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.read.locator, o.read.at));
  if (!options.fields && !o.blobs) options.fields = light_fields(dataset.schema());
  options.batch_rows =
      static_cast<size_t>(std::min<uint64_t>(kBatchRows, std::max<uint64_t>(o.limit, 1)));
  DREAMDB_ASSIGN(BatchStream stream, dataset.stream(options));
  Progress progress("stream", !session.quiet);
  uint64_t rows = 0, bytes = 0;
  std::string line;
  while (rows < o.limit) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, stream.next());
    if (!batch) break;
    for (size_t row = 0; row < batch->rows() && rows < o.limit; ++row, ++rows) {
      line.clear();
      append_row(line, *batch, row, o.blobs ? BlobForm::kBytes : BlobForm::kDigest);
      bytes += line.size() + 1;
      DREAMDB_TRY(session.out.line(line));
    }
    progress.update(rows, bytes);
  }
  return {};
}

struct TakeOptions {
  ReadArgs read;
  std::vector<std::string> anchors;
  bool blobs = false;
  bool skip_missing = false;
};

// Prints the records at `anchors` and empties it.
Status take_some(const TakeOptions& o, const Dataset& dataset, Session& session,
                 const std::vector<std::string>& fields, std::vector<uint64_t>& anchors) {
  if (anchors.empty()) return {};
  DREAMDB_ASSIGN(const Batch batch, dataset.take(anchors, fields, o.skip_missing));
  anchors.clear();
  std::string line;
  for (size_t row = 0; row < batch.rows(); ++row) {
    line.clear();
    append_row(line, batch, row, o.blobs ? BlobForm::kBytes : BlobForm::kDigest);
    DREAMDB_TRY(session.out.line(line));
  }
  return {};
}

Status run_take(const TakeOptions& o, Session& session) {
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.read.locator, o.read.at));
  std::vector<std::string> fields = o.read.fields;
  if (fields.empty()) fields = light_fields(dataset.schema());
  if (o.read.fields.empty() && o.blobs) {
    fields.clear();
    for (const Field& field : dataset.schema().fields()) fields.push_back(field.name);
  }
  std::vector<uint64_t> anchors;
  DREAMDB_TRY(each_anchor(o.anchors, [&](uint64_t anchor) -> Status {
    anchors.push_back(anchor);
    return anchors.size() < kTakeRows ? Status() : take_some(o, dataset, session, fields, anchors);
  }));
  return take_some(o, dataset, session, fields, anchors);
}

struct ValuesOptions {
  std::string locator, at, field;
};

Status run_values(const ValuesOptions& o, Session& session) {
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  DREAMDB_ASSIGN(const auto values, dataset.distinct_values(o.field));
  Table table({">count", "value"});
  for (const auto& [value, count] : values) {
    const std::string text = scalar_json(value);
    if (session.json) {
      DREAMDB_TRY(
          session.out.line("{\"value\":" + text + ",\"count\":" + std::to_string(count) + "}"));
    } else {
      const auto* plain = std::get_if<std::string>(&value);
      table.add({with_commas(count), plain != nullptr ? one_line(*plain, 100) : text});
    }
  }
  return session.json ? Status() : session.out.write(table.text());
}

}  // namespace

void add_count(CLI::App& app, Session& session) {
  auto o = std::make_shared<ReadArgs>();
  Command command = add_command(app, session, "count", "how many records there are", "",
                                "  dreamdb count ./pets\n"
                                "  dreamdb count ./pets --where 'label in (\"cat\", \"dog\")'\n"
                                "  dreamdb count ./pets --at 2026-01-02T00:00:00Z");
  add_locator(command, o->locator);
  add_at(command, o->at);
  add_where(command, o->where);
  on_run(command, session, o, run_count);
}

void add_stream(CLI::App& app, Session& session) {
  auto o = std::make_shared<StreamOptions>();
  Command command = add_command(
      app, session, "stream", "records as JSON lines, in anchor order",
      "Images, audio, video and blobs are left out unless --blobs (base64) or --fields names them\n"
      "(then as size and BLAKE3 hash). `ingest` reads what --blobs writes.",
      "  dreamdb stream ./pets | head\n"
      "  dreamdb stream ./pets -f label,caption --where 'label == \"cat\"'\n"
      "  dreamdb stream ./pets --blobs | dreamdb ingest ./copy -");
  add_locator(command, o->read.locator);
  add_at(command, o->read.at);
  add_where(command, o->read.where);
  add_fields(command, o->read.fields);
  add_range(command, o->read);
  command.add_flag("--blobs", o->blobs, "write the bytes of blobs as base64");
  command.add_whole_number("--limit,-n", o->limit, "at most so many records");
  on_run(command, session, o, run_stream);
}

void add_take(CLI::App& app, Session& session) {
  auto o = std::make_shared<TakeOptions>();
  Command command =
      add_command(app, session, "take", "the records at given anchors, as JSON lines",
                  "Records come in the order of the anchors; `-` reads anchors from standard "
                  "input, one a line.",
                  "  dreamdb take ./pets 1000 2000 -f label,emb\n"
                  "  dreamdb ls --anchors ./pets | shuf -n 10 | dreamdb take ./pets -");
  add_locator(command, o->read.locator);
  command.add_option("ANCHORS", o->anchors, "anchors, or - for standard input").required();
  add_at(command, o->read.at);
  add_fields(command, o->read.fields);
  command.add_flag("--blobs", o->blobs, "write the bytes of blobs as base64");
  command.add_flag("--skip-missing", o->skip_missing, "leave out anchors that do not exist");
  on_run(command, session, o, run_take);
}

void add_values(CLI::App& app, Session& session) {
  auto o = std::make_shared<ValuesOptions>();
  Command command =
      add_command(app, session, "values", "distinct values of a scalar field, with counts", "",
                  "  dreamdb values ./pets label");
  add_locator(command, o->locator);
  command.add_option("FIELD", o->field, "a scalar field").required();
  add_at(command, o->at);
  on_run(command, session, o, run_values);
}

}  // namespace dreamdb::cli
