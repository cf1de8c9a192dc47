// Writes a version of a dataset into a folder of ordinary files; see export_folder.h for its form.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/output.h"
#include "cli/progress.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

// A column of an .npy file that grows; its header is completed at the end.
class NpyColumnFile {
 public:
  // AlreadyExists when there is such a file.
  static Result<std::unique_ptr<NpyColumnFile>> create(const std::string& path, const Field& field);
  ~NpyColumnFile();

  Status append(const Column& column, size_t rows);
  Status finish();

 private:
  NpyColumnFile(int fd, const std::string& path, const Field& field);
  std::string header() const;

  int fd_;
  std::string path_;
  Field field_;
  Output out_;
  uint64_t rows_ = 0;
};

struct ExportCounts {
  uint64_t rows = 0;
  uint64_t blobs = 0;
  uint64_t bytes = 0;
};

// `folder` must be absent or empty. Exhausted: a full disk; what is there then lacks export.json.
Result<ExportCounts> export_dataset(const Dataset& dataset, const ReadOptions& options,
                                    const std::string& folder, Progress& progress);

}  // namespace dreamdb::cli
