// `append`: one record from the command line.
#include <cmath>
#include <cstdlib>

#include "base/text.h"
#include "cli/command.h"
#include "cli/elements.h"
#include "cli/file_bytes.h"
#include "cli/npy.h"
#include "cli/row_builder.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

struct AppendOptionsOfLine {
  std::string locator, on_conflict = "refuse", idempotency_key;
  std::optional<uint64_t> anchor;
  std::vector<std::string> set, file;
};

Result<std::pair<std::string, std::string>> split_pair(const std::string& text,
                                                       const std::string& option) {
  const size_t equal = text.find('=');
  if (equal == 0 || equal == std::string::npos) {
    return fail(Code::kInvalidArgument,
                option + " \"" + one_line(text, 80) +
                    "\": expected field=" + (option == "--file" ? "path" : "value"));
  }
  return std::pair{text.substr(0, equal), text.substr(equal + 1)};
}

// The value of --set as the JSON that a row would have: texts as they are, the rest parsed.
Result<Json> set_value(const Field& field, const std::string& text) {
  switch (field.type) {
    case FieldType::kText:
    case FieldType::kString:
    case FieldType::kCategorical: return Json(text);
    case FieldType::kTimestamp:
      if (text.find_first_not_of("0123456789", text.starts_with('-')) != std::string::npos)
        return Json(text);
      break;
    case FieldType::kImage:
    case FieldType::kAudio:
    case FieldType::kVideo:
    case FieldType::kBlob:
      return fail(Code::kInvalidArgument,
                  "field `" + field.name + "` is " + std::string(type_name(field.type)) +
                      ": give its bytes with --file " + field.name + "=PATH");
    case FieldType::kFloat: {
      const std::string word = lower_ascii(text);
      if (word == "nan") return Json("NaN");
      if (word == "inf" || word == "+inf" || word == "infinity") return Json("Infinity");
      if (word == "-inf" || word == "-infinity") return Json("-Infinity");
      break;
    }
    default: break;
  }
  auto parsed = parse_json(text);
  const bool number = text.find_first_not_of("0123456789+-.eE") == std::string::npos &&
                      std::isinf(std::strtod(text.c_str(), nullptr));
  if (!parsed && (number || text.starts_with('['))) {
    return fail(Code::kInvalidArgument, "field `" + field.name + "`: " + parsed.error().message);
  }
  // Of another text that is no JSON the row says what it should be.
  return parsed.value_or(Json(text));
}

// A row with an embedding or array from an .npy file: one row, with or without its dimension.
Result<Json> npy_value(const Field& field, const std::string& path) {
  DREAMDB_ASSIGN(const NpyFile file, NpyFile::open(path));
  NpyHeader header = file.header();
  DREAMDB_ASSIGN(const Buffer raw, file.read_rows(0, header.rows()));
  if (header.shape.size() == field.shape.size()) header.shape.insert(header.shape.begin(), 1);
  if (header.rows() != 1) {
    return fail(Code::kInvalidArgument,
                path + ": one record takes one row, found " + with_commas(header.rows()));
  }
  DREAMDB_TRY(check_npy_fits(header, field, path));
  DREAMDB_ASSIGN(const Buffer values, npy_values(header, raw, field, 0, path));
  return Json::binary(
      std::vector<uint8_t>(reinterpret_cast<const uint8_t*>(values.data()),
                           reinterpret_cast<const uint8_t*>(values.data()) + values.size()));
}

Result<Json> make_row(const AppendOptionsOfLine& o, const Schema& schema) {
  Json row = Json::object();
  if (o.anchor) row["_anchor"] = *o.anchor;
  for (const std::string& text : o.set) {
    DREAMDB_ASSIGN(const auto pair, split_pair(text, "--set"));
    DREAMDB_ASSIGN(const Field* field, schema.get(pair.first));
    DREAMDB_ASSIGN(row[pair.first], set_value(*field, pair.second));
  }
  for (const std::string& text : o.file) {
    DREAMDB_ASSIGN(const auto pair, split_pair(text, "--file"));
    DREAMDB_ASSIGN(const Field* field, schema.get(pair.first));
    if (row.contains(pair.first)) {
      return fail(Code::kInvalidArgument, "field `" + pair.first + "` is given twice");
    }
    if (is_matrix(field->type)) {
      DREAMDB_ASSIGN(row[pair.first], npy_value(*field, pair.second));
    } else if (is_blob(field->type)) {
      row[pair.first] = Json{{"path", pair.second}};
    } else {
      return fail(Code::kInvalidArgument,
                  "field `" + pair.first + "` is a scalar: give it with --set");
    }
  }
  return row;
}

Status run_append(const AppendOptionsOfLine& o, Session& session) {
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator));
  const Schema schema = dataset.schema();
  DREAMDB_ASSIGN(const Json row, make_row(o, schema));
  RowBuilder builder(schema);
  DREAMDB_TRY(builder.add(row, "the record", ""));
  AppendOptions options;
  options.on_conflict = parse_on_conflict(o.on_conflict);
  options.idempotency_key = o.idempotency_key;
  DREAMDB_ASSIGN(const AppendReport report, dataset.append(builder.take(), options));
  if (session.json) return session.out.line(json_line(report_json(report)));
  // What was applied under this key before may have got another anchor.
  std::string anchor = o.anchor && !report.already_applied ? std::to_string(*o.anchor) : "";
  if (!report.assigned.empty()) anchor = std::to_string(report.assigned.front().first);
  return session.out.line(report_text(report) + (anchor.empty() ? "" : ", anchor " + anchor) +
                          ", version " + report.manifest);
}

}  // namespace

void add_append(CLI::App& app, Session& session) {
  auto o = std::make_shared<AppendOptionsOfLine>();
  Command command = add_command(
      app, session, "append", "add one record",
      "Without --anchor it gets the time of now. With the anchor of a record that is there, "
      "fields\n"
      "that the record lacks are filled.",
      "  dreamdb append ./pets --file img=cat.jpg --set label=cat --set caption='A cat.'\n"
      "  dreamdb append ./pets --anchor 1000 --set score=0.5\n"
      "  dreamdb append ./pets --set 'emb=[0.1, 0.2]' --set seen=2026-01-02T03:04:05Z");
  add_locator(command, o->locator);
  command
      .add_option("--set,-s", o->set,
                  "a value: text as it is, numbers (floats: nan, inf, -inf too), lists as JSON")
      .type_name("FIELD=VALUE")
      .one_value_each();
  command.add_option("--file", o->file, "a blob or text from a file, a matrix from an .npy file")
      .type_name("FIELD=PATH")
      .one_value_each();
  command.add_whole_number("--anchor", o->anchor, "where to put it");
  add_on_conflict(command, o->on_conflict);
  command.add_option("--idempotency-key", o->idempotency_key,
                     "the same key is applied once, however often this is run");
  on_run(command, session, o, run_append);
}

}  // namespace dreamdb::cli
