#include "arrow_stream.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "arrow_array.h"
#include "errors.h"

namespace dreamdb::python {

namespace {

struct Source {
  BatchStream stream;
  std::vector<Field> fields;
  std::optional<Batch> batch;  // not yet handed out whole
  size_t first = 0;
  std::string error;

  int fail_with(std::string message) {
    error = std::move(message);
    return EIO;
  }

  int next(ArrowArray* out) {
    if (!batch) {
      auto read = stream.next();
      if (!read) {
        return fail_with(std::string(code_name(read.error().code)) + ": " + read.error().message);
      }
      if (!*read) {
        out->release = nullptr;  // the end
        return 0;
      }
      batch = std::move(**read);
      first = 0;
    }
    const size_t count = arrow_rows(*batch, first);
    if (count == 0) return fail_with("a payload above 2 GiB does not fit Arrow's binary type");
    export_batch(*batch, first, count, out);
    first += count;
    if (first == batch->rows()) batch.reset();
    return 0;
  }
};

Source* source_of(ArrowArrayStream* self) { return static_cast<Source*>(self->private_data); }

void fill(ArrowArrayStream* out, BatchStream stream, std::vector<Field> fields) {
  out->private_data = new Source{std::move(stream), std::move(fields), std::nullopt, 0, {}};
  out->get_schema = [](ArrowArrayStream* self, ArrowSchema* schema) {
    export_schema(source_of(self)->fields, kAnchorColumn, schema);
    return 0;
  };
  out->get_next = [](ArrowArrayStream* self, ArrowArray* array) {
    return source_of(self)->next(array);
  };
  out->get_last_error = [](ArrowArrayStream* self) -> const char* {
    const std::string& error = source_of(self)->error;
    return error.empty() ? nullptr : error.c_str();
  };
  out->release = [](ArrowArrayStream* self) {
    delete source_of(self);
    self->release = nullptr;
  };
}

// The consumer moves the struct out and leaves `release` null; otherwise it is released here.
template <typename Struct>
void destroy(PyObject* capsule) {
  auto* value = static_cast<Struct*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
  if (value->release != nullptr) value->release(value);
  delete value;
}

template <typename Struct>
nb::object capsule_of(std::unique_ptr<Struct> value, const char* name) {
  nb::object capsule = nb::steal(PyCapsule_New(value.get(), name, destroy<Struct>));
  if (!capsule.is_valid()) {
    value->release(value.get());
    throw nb::python_error();
  }
  (void)value.release();
  return capsule;
}

}  // namespace

nb::object arrow_stream_capsule(BatchStream stream, std::vector<Field> fields) {
  auto out = std::make_unique<ArrowArrayStream>();
  fill(out.get(), std::move(stream), std::move(fields));
  return capsule_of(std::move(out), "arrow_array_stream");
}

nb::tuple arrow_batch_capsules(const Batch& batch, std::string anchors) {
  if (arrow_rows(batch, 0) != batch.rows()) {
    raise_invalid("payloads of more than 2 GiB in a batch do not fit one Arrow array");
  }
  std::vector<Field> fields;
  for (const Column& column : batch.columns) {
    Field field;
    field.name = column.name;
    field.type = column.type;
    field.dtype = column.dtype;
    field.shape = column.shape;
    fields.push_back(std::move(field));
  }
  auto out = std::make_unique<ArrowArray>();
  export_batch(batch, 0, batch.rows(), out.get());
  nb::object array = capsule_of(std::move(out), "arrow_array");
  return nb::make_tuple(arrow_schema_capsule(fields, std::move(anchors)), array);
}

nb::object arrow_schema_capsule(const std::vector<Field>& fields, std::string anchors) {
  auto out = std::make_unique<ArrowSchema>();
  export_schema(fields, std::move(anchors), out.get());
  return capsule_of(std::move(out), "arrow_schema");
}

}  // namespace dreamdb::python
