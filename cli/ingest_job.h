// Rows from JSON lines and .npy files into a dataset, batch by batch and commit by commit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/line_reader.h"
#include "cli/npy_columns.h"
#include "cli/progress.h"
#include "cli/row_builder.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

struct IngestLimits {
  uint64_t batch_rows = 4096;
  uint64_t commit_rows = 1'000'000;
  uint64_t commit_bytes = uint64_t{1} << 30;
  uint64_t skip_rows = 0;
};

class IngestJob {
 public:
  // `files`: JSON lines, one after the other ("-" is standard input); none: the .npy files alone.
  IngestJob(Dataset dataset, std::vector<std::string> files, NpyColumns npy, IngestLimits limits,
            Progress& progress);

  // Ingests everything and commits. After an error the message says how many rows are committed
  // and how to go on.
  Result<AppendReport> run(const AppendOptions& options);

  uint64_t bytes() const { return bytes_; }
  uint64_t commits() const { return commits_; }

 private:
  Status ingest(Writer& writer);
  Status skip();
  Status commit(Writer& writer);
  // The next batch; rows = 0 at the end of the input.
  Result<NewRows> next_batch();
  Result<NewRows> next_of_npy();
  // The next line that is not blank, of whichever file; nullopt at the end of the last.
  Result<std::optional<std::string_view>> next_line();
  // The error, and what is committed and how to go on. `has_key`: of idempotency.
  Error with_outlook(Error error, bool has_key) const;
  std::string outlook_of_unknown(bool has_key) const;

  Dataset dataset_;
  Schema schema_;
  std::vector<std::string> files_;
  size_t next_file_ = 0;
  std::optional<LineReader> lines_;
  NpyColumns npy_;
  IngestLimits limits_;
  Progress& progress_;
  RowBuilder builder_;

  uint64_t read_ = 0;       // rows of the input so far, skipped ones included
  uint64_t committed_ = 0;  // the same, of those that are committed
  uint64_t since_commit_rows_ = 0;
  uint64_t since_commit_bytes_ = 0;
  uint64_t bytes_ = 0;
  uint64_t commits_ = 0;  // that were published
  bool has_key_ = false;
  AppendReport report_;
};

}  // namespace dreamdb::cli
