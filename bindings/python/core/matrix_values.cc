#include "matrix_values.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "errors.h"

namespace dreamdb::python {

namespace {

// The format letter by which the buffer protocol calls a dtype; long and long long are both i64.
bool is_format(const char* format, Dtype dtype) {
  if (format == nullptr || format[0] == '\0' || format[1] != '\0') return false;
  const char letter = format[0];
  switch (dtype) {
    case Dtype::kBool: return letter == '?';
    case Dtype::kI8: return letter == 'b';
    case Dtype::kI16: return letter == 'h';
    case Dtype::kI32: return letter == 'i';
    case Dtype::kI64: return letter == 'l' || letter == 'q';
    case Dtype::kU8: return letter == 'B';
    case Dtype::kU16: return letter == 'H';
    case Dtype::kU32: return letter == 'I';
    case Dtype::kU64: return letter == 'L' || letter == 'Q';
    case Dtype::kF16: return letter == 'e';
    case Dtype::kBf16: return letter == 'H';  // the bits
    case Dtype::kF32: return letter == 'f';
    case Dtype::kF64: return letter == 'd';
  }
  return false;
}

class View {
 public:
  // False when `object` has no contiguous view; nothing is raised.
  bool open(nb::handle object) {
    held_ = PyObject_GetBuffer(object.ptr(), &view_, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) == 0;
    if (!held_) PyErr_Clear();
    return held_;
  }
  ~View() {
    if (held_) PyBuffer_Release(&view_);
  }
  const Py_buffer& operator*() const { return view_; }

 private:
  Py_buffer view_;
  bool held_ = false;
};

class MatrixBuilder final : public ColumnBuilder {
 public:
  explicit MatrixBuilder(const Field& field)
      : ColumnBuilder(field), row_bytes_(field.row_bytes()) {}

 private:
  void append_value(nb::handle value) override {
    count_bytes(row_bytes_);
    if (PyList_CheckExact(value.ptr()) != 0 && append_list(value)) return;
    if (PyObject_CheckBuffer(value.ptr()) != 0) {
      View view;
      if (view.open(value) && has_our_form(*view)) {
        append_bytes((*view).buf);
        return;
      }
    }
    append_converted(value);
  }

  void append_nothing() override {
    count_bytes(row_bytes_);
    if (std::byte* row = next_row()) std::memset(row, 0, row_bytes_);
  }

  void move_values(Column& column) override {
    column.values = std::move(values_).freeze(used_);
    values_ = {};
    used_ = 0;
  }

  // Place for one more row; null when rows have no bytes. The last batch says how much to begin
  // with.
  std::byte* next_row() {
    if (row_bytes_ == 0) return nullptr;
    if (values_.size() - used_ < row_bytes_) {
      capacity_ = std::max({capacity_, 2 * values_.size(), 16 * row_bytes_});
      MutableBuffer larger(capacity_);
      if (used_ != 0) std::memcpy(larger.data(), values_.data(), used_);
      values_ = std::move(larger);
    }
    std::byte* row = values_.data() + used_;
    used_ += row_bytes_;
    return row;
  }

  bool has_our_form(const Py_buffer& view) const {
    const std::vector<uint64_t>& shape = field().shape;
    if (!is_format(view.format, field().dtype) || static_cast<size_t>(view.ndim) != shape.size()) {
      return false;
    }
    for (size_t i = 0; i < shape.size(); ++i) {
      if (static_cast<uint64_t>(view.shape[i]) != shape[i]) return false;
    }
    return true;
  }

  // A flat list of exactly dim floats of a float32 embedding, by far the commonest list.
  bool append_list(nb::handle list) {
    const auto size = static_cast<size_t>(PyList_Size(list.ptr()));
    if (field().type != FieldType::kEmbedding || field().dtype != Dtype::kF32 ||
        size != field().shape[0]) {
      return false;
    }
    std::byte* row = next_row();
    for (size_t i = 0; i < size; ++i) {
      PyObject* item = PyList_GetItem(list.ptr(), static_cast<Py_ssize_t>(i));
      if (PyFloat_CheckExact(item) == 0) {
        used_ -= row_bytes_;
        return false;
      }
      const double given = PyFloat_AsDouble(item);
      const auto number = static_cast<float>(given);
      if (std::isinf(number) && std::isfinite(given)) {  // the conversion says where and why
        used_ -= row_bytes_;
        return false;
      }
      std::memcpy(row + i * sizeof(float), &number, sizeof(float));
    }
    return true;
  }

  void append_converted(nb::handle value) {
    if (!cast_.is_valid()) {
      cast_ = nb::module_::import_("dreamdb._cast").attr("to_row");
      const nb::object shape =
          nb::steal(PyTuple_New(static_cast<Py_ssize_t>(field().shape.size())));
      for (size_t i = 0; i < field().shape.size(); ++i) {
        PyTuple_SetItem(shape.ptr(), static_cast<Py_ssize_t>(i),
                        PyLong_FromUnsignedLongLong(field().shape[i]));
      }
      shape_ = shape;
    }
    const nb::object row =
        cast_(value, field().name, field().type == FieldType::kEmbedding,
              nb::str(dtype_name(field().dtype).data(), dtype_name(field().dtype).size()), shape_);
    View view;
    if (!view.open(row) || static_cast<size_t>((*view).len) != row_bytes_) {
      raise_type(what() + ": this array cannot be read");
    }
    append_bytes((*view).buf);
  }

  void append_bytes(const void* data) {
    if (std::byte* row = next_row()) std::memcpy(row, data, row_bytes_);
  }

  size_t row_bytes_;
  MutableBuffer values_;
  size_t used_ = 0;
  size_t capacity_ = 0;
  nb::object cast_;
  nb::object shape_;
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_matrix_builder(const Field& field) {
  return std::make_unique<MatrixBuilder>(field);
}

}  // namespace dreamdb::python
