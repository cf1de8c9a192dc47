// `show`: one record for people, or the bytes of one of its fields.
#include <algorithm>

#include "cli/command.h"
#include "cli/file_bytes.h"
#include "cli/json_row.h"
#include "cli/text.h"
#include "cli/time_text.h"

namespace dreamdb::cli {

namespace {

constexpr size_t kTextChars = 2000;

struct ShowOptions {
  std::string locator, at, field, out;
  uint64_t anchor = 0;
};

// What `--field NAME --out FILE` writes: the bytes of blobs and texts, the elements of matrices,
// the text of scalars.
Result<std::string> raw_bytes(const Column& column) {
  if (!column.is_valid(0)) {
    return fail(Code::kNotFound, "the record has no value of field `" + column.name + "`");
  }
  if (is_blob(column.type)) return std::string(column.blobs[0].view());
  if (is_matrix(column.type)) return std::string(column.values.view());
  if (is_string(column.type)) {
    return std::string(column.text(0));
  }
  std::string text;
  append_value(text, column, 0, BlobForm::kBytes);
  return text;
}

std::string full_value(const Field& field, const Column& column) {
  if (!column.is_valid(0)) return "(absent)";
  if (is_blob(field.type) && field.type != FieldType::kText) {
    const std::string kind = field.mime.empty() ? "" : "/" + field.mime;
    return std::string(type_name(field.type)) + kind + ", " + with_commas(column.blobs[0].size()) +
           " bytes, blake3 " + blake3_hex(column.blobs[0]);
  }
  if (field.type == FieldType::kText) {
    return with_commas(column.blobs[0].size()) +
           " bytes: " + one_line(column.blobs[0].view(), kTextChars);
  }
  return value_cell(column, 0, is_matrix(field.type) ? 70 : kTextChars);
}

Status run_show(const ShowOptions& o, Session& session) {
  if (!o.out.empty() && o.field.empty()) {
    return fail(Code::kInvalidArgument, "--out writes one field: say which with --field");
  }
  std::optional<std::vector<std::string>> fields;
  if (!o.field.empty()) fields = {o.field};
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  const std::vector<uint64_t> anchors = {o.anchor};
  DREAMDB_ASSIGN(const Batch batch, dataset.take(anchors, fields));
  if (!o.out.empty()) {
    DREAMDB_ASSIGN(const std::string bytes, raw_bytes(batch.columns.at(0)));
    if (o.out == "-") return session.out.write(bytes);
    return write_file(o.out, bytes, /*replace=*/true);
  }
  if (session.json) {
    std::string line;
    append_row(line, batch, 0, BlobForm::kDigest);
    return session.out.line(line);
  }
  Table table({"_anchor", std::to_string(o.anchor)});
  for (const Column& column : batch.columns) {
    table.add({one_line(column.name), full_value(*dataset.schema().find(column.name), column)});
  }
  return session.out.write(table.text());
}

}  // namespace

void add_show(CLI::App& app, Session& session) {
  auto o = std::make_shared<ShowOptions>();
  Command command = add_command(
      app, session, "show", "one record, or the bytes of one of its fields",
      "--out writes blobs and texts as they are, embeddings and arrays as their elements\n"
      "(little-endian, row-major), scalars as text.",
      "  dreamdb show ./pets 1000\n"
      "  dreamdb show ./pets 1000 --field img --out cat.jpg\n"
      "  dreamdb show ./pets 1000 --field caption --out -");
  add_locator(command, o->locator);
  command.add_whole_number("ANCHOR", o->anchor, "which record").required();
  add_at(command, o->at);
  command.add_option("--field", o->field, "only this field");
  command.add_option("--out,-o", o->out, "write its bytes to this file (- is standard output)")
      .type_name("FILE");
  on_run(command, session, o, run_show);
}

}  // namespace dreamdb::cli
