#include "batch_out.h"

#include <chrono>

#include "arrow_stream.h"
#include "buffers.h"
#include "errors.h"
#include "gil.h"

namespace dreamdb::python {

namespace {

nb::object text_of(std::string_view text) {
  nb::object out =
      nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "strict"));
  check(out.is_valid());
  return out;
}

nb::object bytes_of(const Buffer& buffer) {
  nb::object out = nb::steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(buffer.data()),
                                                       static_cast<Py_ssize_t>(buffer.size())));
  check(out.is_valid());
  return out;
}

Dtype scalar_dtype(FieldType type) {
  if (type == FieldType::kBool) return Dtype::kBool;
  return type == FieldType::kFloat ? Dtype::kF64 : Dtype::kI64;
}

// [rows] or [rows, *shape], read-only, over the column's own memory; zeros where absent.
nb::object array_of(const Column& column, size_t rows) {
  std::vector<uint64_t> shape{rows};
  if (!is_matrix(column.type)) return numpy_view(column.values, scalar_dtype(column.type), shape);
  shape.insert(shape.end(), column.shape.begin(), column.shape.end());
  return numpy_view(column.values, column.dtype, shape);
}

// Lets other threads and Ctrl-C in, every few milliseconds of a long conversion.
class Pauses {
 public:
  // Call once a row.
  void row_done() {
    if (++rows_ % kRowsBetweenLooks != 0) return;
    const Clock::time_point now = Clock::now();
    if (now - last_ < kInterval) return;
    {
      const GilReleased released;
    }
    check(PyErr_CheckSignals() == 0);
    last_ = Clock::now();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kRowsBetweenLooks = 64;
  static constexpr std::chrono::milliseconds kInterval{5};

  size_t rows_ = 0;
  Clock::time_point last_ = Clock::now();
};

// Converts one value of a column; the matrix kinds need their array as rows.
class ValueReader {
 public:
  // Vectors as lists of floats where `lists`, else as views of a row.
  ValueReader(const Column& column, size_t rows, bool lists) : column_(column) {
    if (!is_matrix(column.type)) return;
    const nb::object array = array_of(column, rows);
    // A 1-d array would give NumPy scalars; [..., None] and [..., 0] keep 0-d arrays.
    if (column.shape.empty()) {
      items_ = nb::steal(PySequence_List(array.attr("reshape")(rows, 1).ptr()));
      zero_d_ = true;
    } else {
      lists_ = lists && column.type == FieldType::kEmbedding;
      items_ = lists_ ? array : nb::steal(PySequence_List(array.ptr()));
    }
    check(items_.is_valid());
  }

  // Fastest when rows ascend.
  nb::object get(size_t row) {
    if (!column_.is_valid(row)) return nb::none();
    const auto i = static_cast<Py_ssize_t>(row);
    switch (column_.type) {
      case FieldType::kBool: return nb::bool_(column_.as<uint8_t>()[row] != 0);
      case FieldType::kInt:
      case FieldType::kTimestamp: return nb::steal(PyLong_FromLongLong(column_.as<int64_t>()[row]));
      case FieldType::kFloat: return nb::steal(PyFloat_FromDouble(column_.as<double>()[row]));
      case FieldType::kString:
      case FieldType::kCategorical: return text_of(column_.text(row));
      case FieldType::kText: return text_of(column_.blobs[row].view());
      case FieldType::kEmbedding:
        if (lists_) return list_item(row);
        [[fallthrough]];
      case FieldType::kArray: {
        nb::object item = nb::borrow(PyList_GetItem(items_.ptr(), i));
        return zero_d_ ? item.attr("reshape")(nb::make_tuple()) : item;
      }
      default: return bytes_of(column_.blobs[row]);
    }
  }

 private:
  // Lists are made of some rows at a time, so that nobody waits long for the GIL.
  nb::object list_item(size_t row) {
    if (!chunk_.is_valid() || row < chunk_begin_ || row >= chunk_end_) {
      const size_t rows = std::max<size_t>(1, kChunkValues / column_.shape[0]);
      chunk_begin_ = row;
      chunk_end_ = row + rows;  // NumPy stops at the last
      const nb::object part =
          nb::steal(PySequence_GetSlice(items_.ptr(), static_cast<Py_ssize_t>(chunk_begin_),
                                        static_cast<Py_ssize_t>(chunk_end_)));
      check(part.is_valid());
      chunk_ = part.attr("tolist")();
    }
    return nb::borrow(PyList_GetItem(chunk_.ptr(), static_cast<Py_ssize_t>(row - chunk_begin_)));
  }

  static constexpr size_t kChunkValues = 16 * 1024;

  const Column& column_;
  nb::object items_;
  nb::object chunk_;
  size_t chunk_begin_ = 0, chunk_end_ = 0;
  bool zero_d_ = false;
  bool lists_ = false;
};

nb::object list_of(const Column& column, size_t rows) {
  ValueReader reader(column, rows, true);
  Pauses pauses;
  nb::list list;  // never with holes: other threads may see it
  for (size_t row = 0; row < rows; ++row) {
    const nb::object value = reader.get(row);
    check(value.is_valid());
    list.append(value);
    pauses.row_done();
  }
  return std::move(list);
}

// Arrays where the type has one; masked where values are absent.
nb::object array_or_list(const Column& column, size_t rows) {
  if (is_blob(column.type) || !column.offsets.empty() || is_string(column.type)) {
    return list_of(column, rows);
  }
  nb::object array = array_of(column, rows);
  if (column.valid.empty()) return array;
  return nb::module_::import_("dreamdb._cast")
      .attr("masked")(array, numpy_view(column.valid, Dtype::kU8,
                                        std::array<uint64_t, 1>{column.valid.size()}));
}

nb::object anchor_array(const Batch& batch) {
  return numpy_view(batch.anchors_bytes, Dtype::kU64, std::array<uint64_t, 1>{batch.rows()});
}

nb::dict to_dict(const Batch& batch, bool as_numpy) {
  nb::dict out;
  for (const Column& column : batch.columns) {
    out[column.name.c_str()] =
        as_numpy ? array_or_list(column, batch.rows()) : list_of(column, batch.rows());
  }
  const nb::object anchors = anchor_array(batch);
  out["_time_anchors"] = as_numpy ? anchors : anchors.attr("tolist")();
  return out;
}

nb::list to_rows(const Batch& batch) {
  std::vector<std::pair<nb::object, ValueReader>> readers;
  for (const Column& column : batch.columns) {
    PyObject* name = PyUnicode_FromStringAndSize(column.name.data(),
                                                 static_cast<Py_ssize_t>(column.name.size()));
    check(name != nullptr);
    PyUnicode_InternInPlace(&name);
    readers.emplace_back(nb::steal(name), ValueReader(column, batch.rows(), false));
  }
  const nb::str anchor_name("_anchor");
  Pauses pauses;
  nb::list out;
  for (size_t row = 0; row < batch.rows(); ++row) {
    nb::dict values;
    const nb::object anchor = nb::steal(PyLong_FromUnsignedLongLong(batch.anchors()[row]));
    check(PyDict_SetItem(values.ptr(), anchor_name.ptr(), anchor.ptr()) == 0);
    for (size_t i = 0; i < readers.size(); ++i) {
      if (!batch.columns[i].is_valid(row)) continue;  // absent, as in rows to append
      const nb::object value = readers[i].second.get(row);
      check(value.is_valid());
      check(PyDict_SetItem(values.ptr(), readers[i].first.ptr(), value.ptr()) == 0);
    }
    out.append(std::move(values));
    pauses.row_done();
  }
  return out;
}

}  // namespace

nb::object to_python(const Scalar& value) {
  return std::visit(
      [](const auto& v) -> nb::object {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::monostate>)
          return nb::none();
        else if constexpr (std::is_same_v<T, bool>)
          return nb::bool_(v);
        else if constexpr (std::is_same_v<T, std::string>)
          return text_of(v);
        else if constexpr (std::is_same_v<T, double>)
          return nb::float_(v);
        else
          return nb::int_(v);
      },
      value);
}

void bind_batch(nb::module_& module) {
  nb::class_<Batch>(module, "Batch", "Columns of values at anchors.")
      .def("__len__", &Batch::rows)
      .def("anchors", &anchor_array, nb::sig("def anchors(self) -> typing.Any"),
           "uint64 array [rows], read-only.")
      .def(
          "__arrow_c_array__",
          [](const Batch& self, nb::handle) { return arrow_batch_capsules(self); },
          nb::arg("requested_schema").none() = nb::none(), "The batch as an Arrow record batch.")
      .def("to_dict", &to_dict, nb::arg("as_numpy") = false,
           nb::sig("def to_dict(self, as_numpy: bool = False) -> dict[str, typing.Any]"),
           "{field: column, ..., '_time_anchors': anchors}, in the order of the fields.")
      .def("to_rows", &to_rows, nb::sig("def to_rows(self) -> list[dict[str, typing.Any]]"),
           "[{'_anchor': anchor, field: value, ...}], absent values left out.");
}

}  // namespace dreamdb::python
