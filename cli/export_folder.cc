// Reading the description of an export.
#include "cli/export_folder.h"

#include <sys/stat.h>

#include "cli/file_bytes.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/line_reader.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

// A copy that lost lines on its way must not be taken for the whole.
Status check_rows(const Json& root, const std::string& path, const std::string& records_file) {
  const auto rows = root.find("rows");
  if (rows == root.end() || !rows->is_number_unsigned()) {
    return fail(Code::kInvalidArgument, path + ": expected \"rows\", the number of records");
  }
  DREAMDB_ASSIGN(LineReader lines, LineReader::open(records_file));
  uint64_t found = 0;
  while (true) {
    if (interrupted()) return fail(Code::kCancelled, "interrupted");
    DREAMDB_ASSIGN(const auto line, lines.next());
    if (!line) break;
    if (!is_blank(*line)) ++found;
  }
  if (const auto said = rows->get<uint64_t>(); found != said) {
    return fail(Code::kInvalidArgument, path + " says " + with_commas(said) + " rows, and " +
                                            records_file + " has " + with_commas(found) +
                                            ": the export is not whole; copy it again, or export "
                                            "again into an empty folder");
  }
  return {};
}

}  // namespace

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<ExportFolder> open_export(const std::string& folder) {
  const std::string base = folder.ends_with('/') ? folder : folder + "/";
  const std::string path = base + "export.json";
  auto text = read_file(path);
  if (!text && text.error().code == Code::kNotFound) {
    return fail(Code::kInvalidArgument,
                folder +
                    " is a folder without export.json: give files of JSON lines, or a folder "
                    "that `dreamdb export` finished");
  }
  if (!text) return std::unexpected(std::move(text).error());
  auto json = parse_json(text->view());
  if (!json) return fail(Code::kInvalidArgument, path + ": " + json.error().message);
  const Json& root = *json;
  if (!root.is_object() || root.value("format", Json()) != "dreamdb-export" ||
      !root.contains("version") || !root["version"].is_number_integer()) {
    return fail(Code::kInvalidArgument,
                path + ": expected \"format\": \"dreamdb-export\" and a version");
  }
  if (root["version"] != kExportVersion) {
    return fail(Code::kUnsupported, path + ": export version " + root["version"].dump() +
                                        ", and this program reads version 1; use a newer one");
  }
  ExportFolder out;
  out.schema_file = base + "schema.json";
  out.records_file = base + "records.jsonl";
  const Json npy = root.value("npy", Json::object());
  const Json meta = root.value("meta", Json::object());
  for (const Json* map : {&npy, &meta}) {
    bool texts = map->is_object();
    for (const auto& item : map->items()) texts = texts && item.value().is_string();
    if (!texts)
      return fail(Code::kInvalidArgument, path + ": \"npy\" and \"meta\" are maps of texts");
  }
  for (const auto& [field, file] : npy.items()) {
    out.npy.push_back(std::string(field).append("=").append(base).append(file.get<std::string>()));
  }
  for (const auto& [key, value] : meta.items())
    out.meta.emplace_back(key, value.get<std::string>());
  DREAMDB_TRY(check_rows(root, path, out.records_file));
  return out;
}

}  // namespace dreamdb::cli
