// The loop of `export`: memory is that of one batch.
#include "cli/export_job.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>

#include "cli/elements.h"
#include "cli/export_folder.h"
#include "cli/file_bytes.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/json_row.h"
#include "cli/npy.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

constexpr uint64_t kFilesPerFolder = 1000;

Status make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return std::unexpected(system_error(error.value(), "create folder", path));
  return {};
}

Status check_empty(const std::string& folder) {
  DREAMDB_TRY(make_folders(folder));
  std::error_code error;
  const bool empty = std::filesystem::is_empty(folder, error);
  if (error) return std::unexpected(system_error(error.value(), "list", folder));
  if (!empty) {
    return fail(Code::kAlreadyExists, folder + " is not empty; export into a new folder");
  }
  return {};
}

class Exporter {
 public:
  Exporter(const Schema& schema, std::string folder)
      : schema_(schema), folder_(std::move(folder)) {}

  Status begin();
  Status add(const Batch& batch);
  Status finish(const Dataset& dataset);
  const ExportCounts& counts() const { return counts_; }

 private:
  Status append_blob_path(std::string& line, const Column& column, const Field& field, size_t row,
                          uint64_t anchor);
  Status write_row(const Batch& batch, size_t row);

  const Schema& schema_;
  std::string folder_;
  int records_fd_ = -1;
  std::unique_ptr<Output> records_;
  std::map<std::string, std::unique_ptr<NpyColumnFile>> npy_;
  ExportCounts counts_;
  std::string blob_folder_made_;

 public:
  ~Exporter() {
    if (records_fd_ >= 0) ::close(records_fd_);
  }
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;
};

std::string npy_name(const Field& field) { return percent_encoded(field.name) + ".npy"; }

Status Exporter::begin() {
  DREAMDB_TRY(check_empty(folder_));
  DREAMDB_TRY(write_file(folder_ + "/schema.json", schema_.to_json() + "\n", false));
  const std::string path = folder_ + "/records.jsonl";
  records_fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (records_fd_ < 0) return std::unexpected(system_error(errno, "create", path));
  records_ = std::make_unique<Output>(records_fd_, path);
  for (const Field& field : schema_.fields()) {
    if (!is_matrix(field.type)) continue;
    DREAMDB_ASSIGN(npy_[field.name], NpyColumnFile::create(folder_ + "/" + npy_name(field), field));
  }
  return {};
}

// Writes the payload to its file and the path of it into the line.
Status Exporter::append_blob_path(std::string& line, const Column& column, const Field& field,
                                  size_t row, uint64_t anchor) {
  const Buffer& blob = column.blobs[row];
  const std::string below =
      "blobs/" + percent_encoded(field.name) + "/" + std::to_string(counts_.rows / kFilesPerFolder);
  if (blob_folder_made_ != below) {
    DREAMDB_TRY(make_folders(folder_ + "/" + below));
    blob_folder_made_ = below;
  }
  const std::string kind = field.mime.empty() ? "bin" : percent_encoded(field.mime);
  const std::string path = below + "/" + std::to_string(anchor) + "." + kind;
  DREAMDB_TRY(write_file(folder_ + "/" + path, blob.view(), false));
  ++counts_.blobs;
  counts_.bytes += blob.size();
  line += json_quoted(path);
  return {};
}

Status Exporter::write_row(const Batch& batch, size_t row) {
  const uint64_t anchor = batch.anchors()[row];
  std::string line = "{\"_anchor\":" + std::to_string(anchor);
  for (const Column& column : batch.columns) {
    const bool valid = column.is_valid(row);
    // Values of matrices stand in the .npy file; only an absent one is said here. Other absent
    // values are left out.
    if (valid == is_matrix(column.type)) continue;
    line += "," + json_quoted(column.name) + ":";
    if (!valid) {
      line += "null";
    } else if (is_blob(column.type) && column.type != FieldType::kText) {
      DREAMDB_TRY(append_blob_path(line, column, *schema_.find(column.name), row, anchor));
    } else {
      append_value(line, column, row, BlobForm::kBytes);
    }
  }
  counts_.bytes += line.size() + 2;
  ++counts_.rows;
  return records_->line(line + "}");
}

Status Exporter::add(const Batch& batch) {
  for (const Column& column : batch.columns) {
    if (!is_matrix(column.type)) continue;
    DREAMDB_TRY(npy_.at(column.name)->append(column, batch.rows()));
    counts_.bytes += column.values.size();
  }
  for (size_t row = 0; row < batch.rows(); ++row) DREAMDB_TRY(write_row(batch, row));
  return {};
}

Status Exporter::finish(const Dataset& dataset) {
  DREAMDB_TRY(records_->finish());
  OrderedJson out;
  out["format"] = "dreamdb-export";
  out["version"] = kExportVersion;
  out["source"] = dataset.locator();
  out["manifest"] = dataset.manifest();
  out["rows"] = counts_.rows;
  out["npy"] = OrderedJson::object();
  for (const auto& [name, file] : npy_) {
    DREAMDB_TRY(file->finish());
    out["npy"][name] = npy_name(*schema_.find(name));
  }
  out["meta"] = OrderedJson::object();
  for (const auto& [key, value] : dataset.meta()) out["meta"][key] = value;
  return write_file(folder_ + "/export.json", out.dump(2) + "\n", false);
}

// The fields that are exported, in the schema's order or in the order asked for.
Result<Schema> chosen_fields(const Dataset& dataset, const ReadOptions& options) {
  if (!options.fields) return dataset.schema();
  Schema schema;
  for (const std::string& name : *options.fields) {
    DREAMDB_ASSIGN(const Field* field, dataset.schema().get(name));
    DREAMDB_TRY(schema.add(*field));
  }
  return schema;
}

}  // namespace

NpyColumnFile::NpyColumnFile(int fd, const std::string& path, const Field& field)
    : fd_(fd), path_(path), field_(field), out_(fd, path) {}

NpyColumnFile::~NpyColumnFile() { ::close(fd_); }

std::string NpyColumnFile::header() const {
  return write_npy_header(npy_descr(field_.dtype), rows_, field_.shape);
}

Result<std::unique_ptr<NpyColumnFile>> NpyColumnFile::create(const std::string& path,
                                                             const Field& field) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0 && errno == EEXIST) return fail(Code::kAlreadyExists, path + " exists");
  if (fd < 0) return std::unexpected(system_error(errno, "create", path));
  std::unique_ptr<NpyColumnFile> file(new NpyColumnFile(fd, path, field));
  DREAMDB_TRY(file->out_.write(file->header()));
  return file;
}

Status NpyColumnFile::append(const Column& column, size_t rows) {
  rows_ += rows;
  return out_.write(column.values.view());
}

Status NpyColumnFile::finish() {
  DREAMDB_TRY(out_.flush());
  const std::string text = header();
  if (::pwrite(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return std::unexpected(system_error(errno, "write to", path_));
  }
  return out_.finish();
}

Result<ExportCounts> export_dataset(const Dataset& dataset, const ReadOptions& options,
                                    const std::string& folder, Progress& progress) {
  DREAMDB_ASSIGN(const Schema schema, chosen_fields(dataset, options));
  DREAMDB_ASSIGN(BatchStream stream, dataset.stream(options));
  Exporter exporter(schema, folder);
  DREAMDB_TRY(exporter.begin());
  while (true) {
    if (interrupted()) {
      return fail(Code::kCancelled, "interrupted after " + with_commas(exporter.counts().rows) +
                                        " records; " + folder + " is incomplete, remove it");
    }
    DREAMDB_ASSIGN(const std::optional<Batch> batch, stream.next());
    if (!batch) break;
    DREAMDB_TRY(exporter.add(*batch));
    progress.update(exporter.counts().rows, exporter.counts().bytes);
  }
  DREAMDB_TRY(exporter.finish(dataset));
  return exporter.counts();
}

}  // namespace dreamdb::cli
