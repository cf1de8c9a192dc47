#include "buffers.h"

#include <array>

#include "errors.h"
#include "gil.h"

namespace dreamdb::python {

namespace {

struct ExportedBuffer {
  Buffer buffer;
};

int get_buffer(PyObject* self, Py_buffer* view, int flags) noexcept {
  const Buffer& buffer = nb::inst_ptr<ExportedBuffer>(self)->buffer;
  static std::byte nothing;  // exporters must not show a null pointer
  auto* data = const_cast<std::byte*>(buffer.empty() ? &nothing : buffer.data());
  return PyBuffer_FillInfo(view, self, data, static_cast<Py_ssize_t>(buffer.size()), 1, flags);
}

PyType_Slot buffer_slots[] = {
    {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
    {0, nullptr},
};

const char* numpy_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool: return "?";
    case Dtype::kI8: return "<i1";
    case Dtype::kI16: return "<i2";
    case Dtype::kI32: return "<i4";
    case Dtype::kI64: return "<i8";
    case Dtype::kU8: return "<u1";
    case Dtype::kU16: return "<u2";
    case Dtype::kU32: return "<u4";
    case Dtype::kU64: return "<u8";
    case Dtype::kF16: return "<f2";
    case Dtype::kBf16: return "<u2";
    case Dtype::kF32: return "<f4";
    case Dtype::kF64: return "<f8";
  }
  return "<u1";
}

// What `slot` names, looked up once in NumPy and kept until the process ends. The lookup may let
// other threads in, so two may find it; a lock would wait for the GIL.
template <typename Find>
nb::handle kept(PyObject*& slot, Find find) {
  if (slot == nullptr) slot = nb::object(find(nb::module_::import_("numpy"))).release().ptr();
  return slot;
}

nb::handle numpy_array_type() {
  static PyObject* type = nullptr;
  return kept(type, [](const nb::module_& numpy) { return numpy.attr("ndarray"); });
}

nb::handle numpy_dtype(Dtype dtype) {
  static std::array<PyObject*, static_cast<size_t>(Dtype::kF64) + 1> dtypes{};
  return kept(dtypes[static_cast<size_t>(dtype)],
              [&](const nb::module_& numpy) { return numpy.attr("dtype")(numpy_name(dtype)); });
}

}  // namespace

Keeper::~Keeper() {
  if (empty() || python_ends()) return;  // what is kept is left
  const GilHeld gil;
  for (PyObject* object : objects_) Py_DECREF(object);
  for (auto& view : views_) PyBuffer_Release(view.get());
}

Buffer Keeper::bytes_of(const std::shared_ptr<Keeper>& keeper, nb::handle bytes) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  check(PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) == 0);
  keeper->objects_.push_back(nb::object(nb::borrow(bytes)).release().ptr());
  return {keeper, reinterpret_cast<const std::byte*>(data), static_cast<size_t>(size)};
}

Buffer Keeper::view_of(const std::shared_ptr<Keeper>& keeper, nb::handle object) {
  auto view = std::make_unique<Py_buffer>();
  check(PyObject_GetBuffer(object.ptr(), view.get(), PyBUF_C_CONTIGUOUS) == 0);
  Buffer buffer(keeper, static_cast<const std::byte*>(view->buf), static_cast<size_t>(view->len));
  keeper->views_.push_back(std::move(view));
  return buffer;
}

nb::object numpy_view(const Buffer& buffer, Dtype dtype, std::span<const uint64_t> shape) {
  nb::object sizes = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(shape.size())));
  check(sizes.is_valid());
  for (size_t i = 0; i < shape.size(); ++i) {
    PyTuple_SetItem(sizes.ptr(), static_cast<Py_ssize_t>(i), PyLong_FromUnsignedLongLong(shape[i]));
  }
  nb::object owner = nb::cast(ExportedBuffer{buffer});
  return numpy_array_type()(sizes, numpy_dtype(dtype), owner);
}

void bind_buffer(nb::module_& module) {
  nb::class_<ExportedBuffer>(module, "Buffer", nb::type_slots(buffer_slots),
                             "Immutable bytes that DreamDB owns, as a read-only buffer.")
      .def("__len__", [](const ExportedBuffer& self) { return self.buffer.size(); });
}

}  // namespace dreamdb::python
