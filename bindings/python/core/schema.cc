#include "dreamdb/schema.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "classes.h"
#include "errors.h"

namespace dreamdb::python {

namespace {

nb::tuple shape_of(const Field& field) {
  nb::list sizes;
  for (uint64_t size : field.shape) sizes.append(size);
  return nb::tuple(sizes);
}

}  // namespace

Field make_field(std::string name, const std::string& type, bool required, std::string mime,
                 const std::string& dtype, std::vector<uint64_t> shape, std::string algorithm,
                 std::map<std::string, std::string> info) {
  Field field;
  field.name = std::move(name);
  field.type = unwrap(parse_type(type));
  field.required = required;
  field.mime = std::move(mime);
  field.dtype = unwrap(parse_dtype(dtype));
  field.shape = std::move(shape);
  field.algorithm = std::move(algorithm);
  field.info = std::move(info);
  return field;
}

void bind_schema(nb::module_& module) {
  nb::class_<Field>(module, "Field", "One named, typed field of a schema.")
      .def(
          "__init__",
          [](Field* self, std::string name, const std::string& type, bool required,
             std::string mime, const std::string& dtype, std::vector<uint64_t> shape,
             std::string algorithm, std::map<std::string, std::string> info) {
            new (self) Field(make_field(std::move(name), type, required, std::move(mime), dtype,
                                        std::move(shape), std::move(algorithm), std::move(info)));
          },
          nb::arg("name"), nb::arg("type"), nb::arg("required") = true, nb::arg("mime") = "",
          nb::arg("dtype") = "f32", nb::arg("shape") = std::vector<uint64_t>{},
          nb::arg("algorithm") = "", nb::arg("info") = std::map<std::string, std::string>{})
      .def_prop_ro(
          "id", [](const Field& self) { return static_cast<uint32_t>(self.id); },
          "Number that survives a rename.")
      .def_ro("name", &Field::name)
      .def_prop_ro(
          "type", [](const Field& self) { return std::string(type_name(self.type)); },
          "'image', 'audio', 'video', 'text', 'blob', 'embedding', 'array', 'bool', "
          "'int', 'float', 'string', 'categorical' or 'timestamp'.")
      .def_ro("required", &Field::required)
      .def_ro("mime", &Field::mime, "Of images, audio and video; else ''.")
      .def_prop_ro(
          "dtype",
          [](const Field& self) -> nb::object {
            if (!is_matrix(self.type)) return nb::none();
            return nb::str(std::string(dtype_name(self.dtype)).c_str());
          },
          nb::sig("def dtype(self) -> str | None"),
          "'f32', 'i64', ... of embeddings and arrays; else None.")
      .def_prop_ro(
          "shape",
          [](const Field& self) -> nb::object {
            if (!is_matrix(self.type)) return nb::none();
            return shape_of(self);
          },
          nb::sig("def shape(self) -> tuple[int, ...] | None"),
          "Of one value, for embeddings (dim,) and arrays; else None.")
      .def_prop_ro(
          "dim",
          [](const Field& self) -> std::optional<uint64_t> {
            if (self.type != FieldType::kEmbedding) return std::nullopt;
            return self.shape.at(0);
          },
          "Numbers in one vector of an embedding; else None.")
      .def_ro("algorithm", &Field::algorithm, "Of embeddings; else ''.")
      .def_ro("info", &Field::info, "Units, frame, semantic_type, ...")
      .def("__eq__", [](const Field& self, const Field& other) { return self == other; })
      .def("__eq__", [](const Field&, nb::handle) { return false; })
      .def("__hash__", [](const Field& self) { return std::hash<std::string>()(self.name); });

  nb::class_<Schema>(module, "Schema", "Ordered fields.")
      .def(nb::init<>())
      .def("add", [](Schema& self, Field field) { unwrap(self.add(std::move(field))); })
      .def("fields", [](const Schema& self) { return self.fields(); })
      .def("copy", [](const Schema& self) { return Schema(self); })
      .def("to_json", &Schema::to_json)
      .def_static("from_json",
                  [](const std::string& json) { return unwrap(Schema::from_json(json)); });
}

}  // namespace dreamdb::python
