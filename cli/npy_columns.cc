// Opening, checking and slicing the files.
#include "cli/npy_columns.h"

#include <cstring>

#include "cli/elements.h"
#include "cli/row_builder.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

// A copy of `values` with zeros in the rows that are absent.
Buffer with_zeros(const Buffer& values, size_t row_bytes, const std::vector<size_t>& absent) {
  MutableBuffer copy(values.size());
  std::memcpy(copy.data(), values.data(), values.size());
  for (const size_t row : absent) std::memset(copy.data() + row * row_bytes, 0, row_bytes);
  return std::move(copy).freeze();
}

}  // namespace

Result<NpyColumns> NpyColumns::open(const std::vector<std::string>& pairs, const Schema& schema) {
  NpyColumns out;
  std::string first_path;
  for (const std::string& pair : pairs) {
    const size_t equal = pair.find('=');
    if (equal == 0 || equal == std::string::npos) {
      return fail(Code::kInvalidArgument,
                  "--npy \"" + one_line(pair, 80) + "\": expected field=FILE.npy");
    }
    const std::string name = pair.substr(0, equal);
    const std::string path = pair.substr(equal + 1);
    if (out.fields().contains(name) || (name == "_anchor" && out.anchors_)) {
      return fail(Code::kInvalidArgument, "--npy gives field `" + name + "` twice");
    }
    Field field;
    if (name != "_anchor") {
      DREAMDB_ASSIGN(const Field* found, schema.get(name));
      field = *found;
    }
    DREAMDB_ASSIGN(NpyFile file, NpyFile::open(path));
    const uint64_t rows = file.header().rows();
    if (name != "_anchor") DREAMDB_TRY(check_npy_fits(file.header(), field, path));
    if (!first_path.empty() && rows != out.rows_) {
      std::string text = "the files are joined row by row, and ";
      text.append(path).append(" has ").append(with_commas(rows)).append(" rows, ");
      text.append(first_path).append(" has ").append(with_commas(out.rows_));
      return fail(Code::kInvalidArgument, std::move(text));
    }
    out.rows_ = rows;
    first_path = path;
    if (name == "_anchor") {
      out.anchors_ = std::move(file);
    } else {
      out.columns_.push_back({std::move(field), std::move(file)});
    }
  }
  return out;
}

std::set<std::string> NpyColumns::fields() const {
  std::set<std::string> names;
  for (const Source& source : columns_) names.insert(source.field.name);
  return names;
}

uint64_t NpyColumns::row_bytes() const {
  uint64_t bytes = 0;
  for (const Source& source : columns_) bytes += source.file.header().row_bytes();
  return bytes;
}

std::string NpyColumns::describe() const {
  std::string text;
  for (const Source& source : columns_) text += (text.empty() ? "" : ", ") + source.file.path();
  if (anchors_) text += (text.empty() ? "" : ", ") + anchors_->path();
  return text;
}

Status NpyColumns::add_to(NewRows& rows,
                          const std::function<std::vector<size_t>(const std::string&)>& absent) {
  if (anchors_) {
    DREAMDB_ASSIGN(const Buffer raw, anchors_->read_rows(next_, rows.rows));
    DREAMDB_ASSIGN(rows.anchors, npy_anchors(anchors_->header(), raw, next_, anchors_->path()));
  }
  for (const Source& source : columns_) {
    DREAMDB_ASSIGN(const Buffer raw, source.file.read_rows(next_, rows.rows));
    Column column;
    column.name = source.field.name;
    column.type = source.field.type;
    column.dtype = source.field.dtype;
    column.shape = source.field.shape;
    DREAMDB_ASSIGN(column.values,
                   npy_values(source.file.header(), raw, source.field, next_, source.file.path()));
    const std::vector<size_t> missing = absent(source.field.name);
    if (missing.size() == rows.rows) continue;
    if (!missing.empty()) {
      column.values = with_zeros(column.values, column.values.size() / rows.rows, missing);
      column.valid = valid_bitmap(rows.rows, missing);
    }
    rows.columns.push_back(std::move(column));
  }
  next_ += rows.rows;
  return {};
}

}  // namespace dreamdb::cli
