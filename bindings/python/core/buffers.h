// Bytes that cross between Python and DreamDB without being copied.
//
// Thread rule: the GIL is held, except that buffers may be dropped on any thread.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <span>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/schema.h"

namespace dreamdb::python {

namespace nb = nanobind;

// Keeps Python objects and exported views alive for DreamDB; the last Buffer that refers to it lets
// them go, taking the GIL once for all.
class Keeper {
 public:
  Keeper() = default;
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // The bytes of an immutable `bytes` object.
  static Buffer bytes_of(const std::shared_ptr<Keeper>& keeper, nb::handle bytes);
  // The bytes of an object with the buffer protocol, which must be C-contiguous.
  static Buffer view_of(const std::shared_ptr<Keeper>& keeper, nb::handle object);

  bool empty() const { return objects_.empty() && views_.empty(); }

 private:
  std::vector<PyObject*> objects_;
  std::vector<std::unique_ptr<Py_buffer>> views_;
};

// A read-only NumPy array of `shape` over `buffer`, which it keeps alive. bf16, which NumPy lacks,
// is shown as uint16 bits.
nb::object numpy_view(const Buffer& buffer, Dtype dtype, std::span<const uint64_t> shape);

// The Python class `Buffer` (buffer protocol, read-only).
void bind_buffer(nb::module_& module);

}  // namespace dreamdb::python
