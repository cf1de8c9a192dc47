// One JSON value into a column, by the type of its field.
#include <cmath>
#include <cstring>

#include "cli/base64.h"
#include "cli/elements.h"
#include "cli/file_bytes.h"
#include "cli/row_builder.h"
#include "cli/text.h"
#include "cli/time_text.h"

namespace dreamdb::cli {

namespace {

constexpr size_t kShownChars = 60;

std::string shown(const Json& value) {
  return one_line(value.dump(-1, ' ', false, Json::error_handler_t::replace), kShownChars);
}

Error expected(const Field& field, std::string_view what, const Json& found) {
  return Error{Code::kInvalidArgument, "field `" + field.name + "` is " +
                                           std::string(type_name(field.type)) + ": expected " +
                                           std::string(what) + ", found " + shown(found)};
}

std::string resolve(const std::string& path, const std::string& folder) {
  return path.starts_with('/') ? path : folder + path;
}

Result<Buffer> blob_value(const Field& field, const Json& value, const std::string& folder) {
  const bool text = field.type == FieldType::kText;
  if (value.is_string()) {
    const auto& string = value.get_ref<const std::string&>();
    if (text) return Buffer::copy_of(string);
    auto file = read_file(resolve(string, folder));
    if (!file) {
      file.error().message = "field `" + field.name + "`: " + file.error().message;
    }
    return file;
  }
  if (value.is_object() && value.size() == 1) {
    const std::string& key = value.begin().key();
    const Json& inner = value.begin().value();
    if (key == "path" && inner.is_string()) {
      return read_file(resolve(inner.get<std::string>(), folder));
    }
    if (key == "base64" && inner.is_string()) {
      auto bytes = base64_decode(inner.get_ref<const std::string&>());
      if (!bytes) {
        return fail(Code::kInvalidArgument, "field `" + field.name + "`: " + bytes.error().message);
      }
      return Buffer::adopt(*std::move(bytes));
    }
  }
  return std::unexpected(expected(field,
                                  text ? "the text, {\"path\": ...} or {\"base64\": ...}"
                                       : "a path, {\"path\": ...} or {\"base64\": ...}",
                                  value));
}

// "NaN", "Infinity", "-Infinity": what JSON has no numbers for.
bool special_float(const Json& value, double& out) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  if (text == "NaN") return out = std::nan(""), true;
  if (text == "Infinity") return out = HUGE_VAL, true;
  if (text == "-Infinity") return out = -HUGE_VAL, true;
  return false;
}

bool store_number(std::byte* row, size_t index, Dtype dtype, const Json& value) {
  double special = 0;
  if (value.is_number_unsigned()) return store_uint(row, index, dtype, value.get<uint64_t>());
  if (value.is_number_integer()) return store_int(row, index, dtype, value.get<int64_t>());
  if (value.is_boolean()) return store_int(row, index, dtype, value.get<bool>() ? 1 : 0);
  if (value.is_number_float()) return store_double(row, index, dtype, value.get<double>());
  return special_float(value, special) && store_double(row, index, dtype, special);
}

// Leaves of nested lists, in order; their nesting must be `shape` from `dimension` on.
bool flatten(const Json& value, const std::vector<uint64_t>& shape, size_t dimension,
             std::vector<const Json*>& leaves) {
  if (dimension == shape.size()) {
    leaves.push_back(&value);
    return true;
  }
  if (!value.is_array() || value.size() != shape[dimension]) return false;
  for (const Json& inner : value) {
    if (!flatten(inner, shape, dimension + 1, leaves)) return false;
  }
  return true;
}

std::string shape_of(const Field& field) {
  std::string text;
  for (const uint64_t size : field.shape)
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "one number" : text + " numbers";
}

}  // namespace

void ColumnBuilder::mark(bool present, uint64_t bytes) {
  valid_.push_back(present);
  present_ += present ? 1 : 0;
  size_bytes_ += bytes;
}

void ColumnBuilder::add_absent() {
  const FieldType type = field_->type;
  if (is_blob(type)) {
    blobs_.emplace_back();
  } else if (is_string(type)) {
    offsets_.push_back(static_cast<uint32_t>(values_.size()));
  } else {
    const uint64_t bytes = is_matrix(type) ? field_->row_bytes() : type == FieldType::kBool ? 1 : 8;
    values_.resize(values_.size() + bytes);
  }
  mark(false, 0);
}

void ColumnBuilder::add_blob(Buffer bytes) {
  mark(true, bytes.size());
  blobs_.push_back(std::move(bytes));
}

Status ColumnBuilder::add(const Json& value, const std::string& folder) {
  if (value.is_null()) {
    add_absent();
    return {};
  }
  if (is_matrix(field_->type)) return add_matrix(value);
  if (is_scalar(field_->type)) return add_scalar(value);
  DREAMDB_ASSIGN(Buffer bytes, blob_value(*field_, value, folder));
  add_blob(std::move(bytes));
  return {};
}

Status ColumnBuilder::add_matrix(const Json& value) {
  if (value.is_binary()) {  // never from text: bytes of a row that were converted already
    const auto& bytes = value.get_binary();
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    values_.insert(values_.end(), begin, begin + bytes.size());
    mark(true, bytes.size());
    return {};
  }
  std::vector<const Json*> leaves;
  uint64_t items = 1;
  for (const uint64_t size : field_->shape) items *= size;
  const bool flat = value.is_array() && value.size() == items && field_->shape.size() != 1 &&
                    (items == 0 || !value.front().is_array());
  const std::vector<uint64_t> shape = flat ? std::vector<uint64_t>{items} : field_->shape;
  if (!flatten(value, shape, 0, leaves)) {
    const std::string found =
        value.is_array() ? "a list of " + std::to_string(value.size()) : shown(value);
    return fail(Code::kInvalidArgument, "field `" + field_->name + "` is " +
                                            std::string(type_name(field_->type)) + ": expected " +
                                            shape_of(*field_) + ", found " + found);
  }
  const size_t begin = values_.size();
  values_.resize(begin + field_->row_bytes());
  for (size_t i = 0; i < leaves.size(); ++i) {
    double special = 0;
    const bool finite =
        field_->type != FieldType::kEmbedding || !special_float(*leaves[i], special);
    if (!finite || !store_number(values_.data() + begin, i, field_->dtype, *leaves[i])) {
      if (leaves[i]->is_number() && is_float(field_->dtype)) {
        return fail(Code::kInvalidArgument, "field `" + field_->name + "`, element " +
                                                std::to_string(i) + ": " + shown(*leaves[i]) +
                                                " is " + beyond_text(field_->dtype));
      }
      return fail(Code::kInvalidArgument,
                  "field `" + field_->name + "`, element " + std::to_string(i) + ": expected a " +
                      (finite ? "" : "finite ") + std::string(dtype_name(field_->dtype)) +
                      ", found " + shown(*leaves[i]));
    }
  }
  mark(true, field_->row_bytes());
  return {};
}

Status ColumnBuilder::add_scalar(const Json& value) {
  const auto push = [&](auto number) {
    const size_t at = values_.size();
    values_.resize(at + sizeof number);
    std::memcpy(values_.data() + at, &number, sizeof number);
    mark(true, sizeof number);
    return Status();
  };
  switch (field_->type) {
    case FieldType::kBool:
      if (value.is_boolean()) return push(static_cast<uint8_t>(value.get<bool>()));
      return std::unexpected(expected(*field_, "true or false", value));
    case FieldType::kFloat:
      if (value.is_number()) return push(value.get<double>());
      if (double special = 0; special_float(value, special)) return push(special);
      return std::unexpected(
          expected(*field_, "a number, or \"NaN\", \"Infinity\" or \"-Infinity\"", value));
    case FieldType::kTimestamp:
      if (value.is_string()) {
        DREAMDB_ASSIGN(const int64_t ns, parse_time(value.get_ref<const std::string&>()));
        return push(ns);
      }
      [[fallthrough]];
    case FieldType::kInt: {
      int64_t number = 0;
      if (store_number(reinterpret_cast<std::byte*>(&number), 0, Dtype::kI64, value) &&
          value.is_number()) {
        return push(number);
      }
      return std::unexpected(expected(*field_, "an integer of 64 bits", value));
    }
    default: break;
  }
  if (!value.is_string()) return std::unexpected(expected(*field_, "text in quotes", value));
  const auto& text = value.get_ref<const std::string&>();
  const auto bytes = std::as_bytes(std::span(text));
  values_.insert(values_.end(), bytes.begin(), bytes.end());
  offsets_.push_back(static_cast<uint32_t>(values_.size()));
  mark(true, text.size());
  return {};
}

Column ColumnBuilder::take() {
  Column column;
  column.name = field_->name;
  column.type = field_->type;
  column.dtype = field_->dtype;
  column.shape = field_->shape;
  if (present_ != valid_.size()) {
    std::vector<size_t> absent;
    for (size_t i = 0; i < valid_.size(); ++i) {
      if (!valid_[i]) absent.push_back(i);
    }
    column.valid = valid_bitmap(valid_.size(), absent);
  }
  if (is_string(field_->type)) {
    column.offsets = Buffer::copy_of(std::as_bytes(std::span(offsets_)));
  }
  column.values = Buffer::adopt(std::move(values_));
  column.blobs = std::move(blobs_);
  *this = ColumnBuilder(*field_);
  return column;
}

Buffer valid_bitmap(size_t rows, const std::vector<size_t>& absent) {
  std::vector<std::byte> bits((rows + 7) / 8, std::byte{0xff});
  if (rows % 8 != 0) bits.back() = static_cast<std::byte>((1u << (rows % 8)) - 1);
  for (const size_t row : absent) bits[row / 8] &= ~static_cast<std::byte>(1u << (row % 8));
  return Buffer::adopt(std::move(bits));
}

}  // namespace dreamdb::cli
