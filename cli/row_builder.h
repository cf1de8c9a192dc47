// Rows of JSON gathered into columns for an append.
//
// A row is an object: keys are field names, `_anchor` is optional, null or a missing key is an
// absent value. By type of the field:
//   image, audio, video, blob   "path" (relative to the file it stands in), {"path": "..."} or
//                               {"base64": "..."}
//   text                        "the text itself", {"path": "..."} or {"base64": "..."}
//   embedding, array            list of numbers (nested as the shape says, or flat);
//                               "NaN", "Infinity" and "-Infinity" in arrays of floats; or (not from
//                               text) JSON's binary type: one row in the field's element type
//   bool, int, float, string, categorical    true, 1, 0.5, "text"; floats as those of arrays
//   timestamp                   nanoseconds, or ISO 8601 text
//
// Thread rule: one thread at a time.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

// The values of one field, row by row.
class ColumnBuilder {
 public:
  explicit ColumnBuilder(const Field& field) : field_(&field) {}

  const Field& field() const { return *field_; }
  void add_absent();
  // InvalidArgument without the place (the caller has it); errors of files with their path.
  Status add(const Json& value, const std::string& folder);
  // Bytes that are there already, of a blob field.
  void add_blob(Buffer bytes);

  size_t rows() const { return valid_.size(); }
  uint64_t size_bytes() const { return size_bytes_; }
  bool all_absent() const { return present_ == 0; }
  Column take();

 private:
  Status add_scalar(const Json& value);
  Status add_matrix(const Json& value);
  void mark(bool present, uint64_t bytes);

  const Field* field_;
  std::vector<bool> valid_;
  std::vector<std::byte> values_;
  std::vector<uint32_t> offsets_{0};
  std::vector<Buffer> blobs_;
  size_t present_ = 0;
  uint64_t size_bytes_ = 0;
};

class RowBuilder {
 public:
  // `elsewhere`: fields whose values come from .npy files; a row may only say null for them.
  // `schema` outlives the builder.
  explicit RowBuilder(const Schema& schema, std::set<std::string> elsewhere = {});

  // Adds a row. InvalidArgument begins with `place`, for example "rows.jsonl:17"; the row is then
  // not part of what `take` gives, and the builder is of no more use.
  Status add(const Json& row, const std::string& place, const std::string& folder);

  size_t rows() const { return rows_; }
  uint64_t size_bytes() const;  // values so far

  // What was gathered, columns without any value left out; the builder is empty afterwards.
  NewRows take();
  // Rows since the last `take` that said null for a field of `elsewhere`; ask before `take`.
  std::vector<size_t> nulls(const std::string& field) const;

 private:
  Status add_anchor(const Json& row, const std::string& place);

  const Schema* schema_;
  std::vector<ColumnBuilder> columns_;
  std::set<std::string> elsewhere_;
  std::vector<std::pair<std::string, size_t>> nulls_;
  std::vector<uint64_t> anchors_;
  std::optional<bool> with_anchors_;  // settled by the first row ever
  size_t rows_ = 0;
};

// Zero bits for the rows of `absent`, ones for the others.
Buffer valid_bitmap(size_t rows, const std::vector<size_t>& absent);

}  // namespace dreamdb::cli
