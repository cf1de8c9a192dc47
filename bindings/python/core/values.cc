#include "values.h"

#include <cstring>

#include "errors.h"
#include "matrix_values.h"

namespace dreamdb::python {

namespace {

// The name of the value's type, without its module.
std::string type_of(nb::handle value) {
  return nb::cast<std::string>(value.type().attr("__name__"));
}

bool to_bool(nb::handle value, const std::string& what) {
  if (value.ptr() == Py_True) return true;
  if (value.ptr() == Py_False) return false;
  const std::string type = type_of(value);
  // NumPy's own, which NumPy 1 calls bool_.
  if ((type == "bool" || type == "bool_") && nb::hasattr(value, "dtype")) {
    return PyObject_IsTrue(value.ptr()) == 1;
  }
  raise_type(what + ": bool expects True or False, not " + type);
}

double to_double(nb::handle value, const std::string& what) {
  if (PyUnicode_Check(value.ptr()) == 0 && PyBytes_Check(value.ptr()) == 0) {
    const double number = PyFloat_AsDouble(value.ptr());
    if (number != -1.0 || PyErr_Occurred() == nullptr) return number;
    const bool too_large = PyErr_ExceptionMatches(PyExc_OverflowError) != 0;
    PyErr_Clear();
    if (too_large) raise_range(what + ": the integer does not fit a 64-bit float");
  }
  raise_type(what + ": float expects a number, not " + type_of(value));
}

// UTF-8 of a str, valid while `value` lives.
std::string_view to_text(nb::handle value, const std::string& what, const char* kind) {
  if (PyUnicode_Check(value.ptr()) == 0) {
    raise_type(what + ": " + kind + " expects str, not " + type_of(value));
  }
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (data == nullptr) {
    PyErr_Clear();
    raise_invalid(what + ": the str has a lone surrogate, which UTF-8 cannot hold");
  }
  return {data, static_cast<size_t>(size)};
}

// int, timestamp: i64; float: f64; bool: one byte.
template <typename T, T (*convert)(nb::handle, const std::string&)>
class ScalarBuilder final : public ColumnBuilder {
 public:
  using ColumnBuilder::ColumnBuilder;

 private:
  void append_value(nb::handle value) override {
    values_.push_back(convert(value, what()));
    count_bytes(sizeof(T));
  }
  void append_nothing() override {
    values_.push_back(T{});
    count_bytes(sizeof(T));
  }
  void move_values(Column& column) override {
    auto owner = std::make_shared<std::vector<T>>(std::move(values_));
    const auto* data = reinterpret_cast<const std::byte*>(owner->data());
    column.values = Buffer(owner, data, owner->size() * sizeof(T));
    values_ = {};
  }

  std::vector<T> values_;
};

uint8_t to_byte(nb::handle value, const std::string& what) { return to_bool(value, what) ? 1 : 0; }

class TextBuilder final : public ColumnBuilder {
 public:
  using ColumnBuilder::ColumnBuilder;

 private:
  // Offsets are 32 bits wide.
  static constexpr size_t kBytesMax = UINT32_MAX;

  void append_value(nb::handle value) override {
    const std::string_view text = to_text(value, what(), type_name(field().type).data());
    if (text.size() > kBytesMax - bytes_.size()) {
      raise_range(what() + ": more than 4 GiB of text in one batch");
    }
    bytes_.append(text);
    append_nothing();
    count_bytes(text.size());
  }
  void append_nothing() override {
    offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
    count_bytes(sizeof(uint32_t));
  }
  void move_values(Column& column) override {
    column.offsets = Buffer::copy_of(std::as_bytes(std::span(offsets_)));
    column.values = Buffer::adopt(std::move(bytes_));
    offsets_ = {0};
    bytes_ = {};
  }

  std::vector<uint32_t> offsets_{0};
  std::string bytes_;
};

class BlobBuilder final : public ColumnBuilder {
 public:
  using ColumnBuilder::ColumnBuilder;

 private:
  void append_value(nb::handle value) override {
    if (field().type == FieldType::kText) {
      blobs_.push_back(Buffer::copy_of(to_text(value, what(), "text")));
    } else if (PyBytes_Check(value.ptr()) != 0) {
      blobs_.push_back(Keeper::bytes_of(keeper_, value));
    } else if (PyByteArray_Check(value.ptr()) != 0 || PyMemoryView_Check(value.ptr()) != 0) {
      // Its owner may change it later: copied, in whatever order it lies in memory.
      nb::object bytes = nb::steal(PyBytes_FromObject(value.ptr()));
      check(bytes.is_valid());
      blobs_.push_back(Keeper::bytes_of(keeper_, bytes));
    } else {
      std::string kind(type_name(field().type));
      kind[0] = static_cast<char>(kind[0] - 'a' + 'A');
      raise_type(what() + ": " + kind + " expects bytes, not " + type_of(value));
    }
    count_bytes(blobs_.back().size() + sizeof(Buffer));
  }
  void append_nothing() override { blobs_.emplace_back(); }
  void move_values(Column& column) override {
    column.blobs = std::move(blobs_);
    blobs_ = {};
    keeper_ = std::make_shared<Keeper>();
  }

  std::vector<Buffer> blobs_;
  std::shared_ptr<Keeper> keeper_ = std::make_shared<Keeper>();
};

}  // namespace

int64_t to_i64(nb::handle value, const std::string& what) {
  nb::object number = nb::steal(PyNumber_Index(value.ptr()));
  if (!number.is_valid()) {
    PyErr_Clear();
    raise_type(what + ": expects an int, not " + type_of(value));
  }
  int overflow = 0;
  const int64_t result = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0) {
    raise_range(what + ": " + nb::cast<std::string>(nb::str(number)) +
                " does not fit a signed 64-bit integer");
  }
  return result;
}

Column ColumnBuilder::finish() {
  Column column;
  column.name = field_.name;
  column.type = field_.type;
  column.dtype = field_.dtype;
  column.shape = field_.shape;
  if (absent_ != 0) {
    valid_.resize((rows_ + 7) / 8);
    column.valid = Buffer::adopt(std::move(valid_));
  }
  move_values(column);
  valid_ = {};
  rows_ = absent_ = size_bytes_ = 0;
  return column;
}

void ColumnBuilder::append_absent() {
  append_nothing();
  ++absent_;
  if (valid_.empty()) valid_.assign(rows_ / 8 + 1, std::byte{0xff});
  set_valid(rows_, false);
  ++rows_;
}

void ColumnBuilder::set_valid(size_t row, bool valid) {
  if (row / 8 >= valid_.size()) valid_.resize(row / 8 + 1);
  const auto bit = static_cast<std::byte>(1u << (row % 8));
  valid_[row / 8] = valid ? (valid_[row / 8] | bit) : (valid_[row / 8] & ~bit);
}

std::unique_ptr<ColumnBuilder> make_builder(const Field& field) {
  switch (field.type) {
    case FieldType::kEmbedding:
    case FieldType::kArray: return make_matrix_builder(field);
    case FieldType::kBool: return std::make_unique<ScalarBuilder<uint8_t, to_byte>>(field);
    case FieldType::kInt:
    case FieldType::kTimestamp: return std::make_unique<ScalarBuilder<int64_t, to_i64>>(field);
    case FieldType::kFloat: return std::make_unique<ScalarBuilder<double, to_double>>(field);
    case FieldType::kString:
    case FieldType::kCategorical: return std::make_unique<TextBuilder>(field);
    default: return std::make_unique<BlobBuilder>(field);
  }
}

}  // namespace dreamdb::python
