// The columns that `--npy field=FILE` gives, read in step.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/npy.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

class NpyColumns {
 public:
  // `pairs`: "field=path"; the field `_anchor` gives the anchors. All files have the same number of
  // rows. InvalidArgument: an unknown field, one named twice, a file that does not fit its field.
  static Result<NpyColumns> open(const std::vector<std::string>& pairs, const Schema& schema);

  bool empty() const { return columns_.empty() && !anchors_; }
  bool has_anchors() const { return anchors_.has_value(); }
  std::set<std::string> fields() const;
  uint64_t rows() const { return rows_; }
  uint64_t next_row() const { return next_; }
  uint64_t row_bytes() const;    // of one row of all files together
  std::string describe() const;  // the files, for messages

  void skip(uint64_t rows) { next_ += rows; }
  // Adds the next `rows.rows` rows to `rows`; `absent(field)` are rows that have no value of it.
  Status add_to(NewRows& rows,
                const std::function<std::vector<size_t>(const std::string&)>& absent);

 private:
  struct Source {
    Field field;
    NpyFile file;
  };
  std::vector<Source> columns_;
  std::optional<NpyFile> anchors_;
  uint64_t rows_ = 0;
  uint64_t next_ = 0;
};

}  // namespace dreamdb::cli
