// Conflicts of a merge as an Arrow record batch.
#include <array>

#include "arrow_stream.h"
#include "classes.h"
#include "errors.h"
#include "rows_in.h"

namespace dreamdb::python {

namespace {

constexpr const char* kAnchor = "anchor";
constexpr std::array<const char*, 4> kTexts = {"field", "target", "source", "source_manifest"};

nb::object value_of(nb::handle conflict, const std::string& key) {
  if (PyDict_Check(conflict.ptr()) == 0)
    raise_type(std::string("a conflict is a dict, not ") + nb::type_name(conflict.type()).c_str());
  PyObject* const value = PyDict_GetItemWithError(conflict.ptr(), nb::str(key.c_str()).ptr());
  check(value != nullptr || PyErr_Occurred() == nullptr);
  if (value == nullptr) raise_invalid("a conflict has no `" + key + "`");
  return nb::borrow(value);
}

nb::tuple conflicts_arrow(const nb::list& conflicts) {
  std::vector<uint64_t> anchors;
  std::vector<std::unique_ptr<ColumnBuilder>> texts;
  for (const char* const name : kTexts) {
    Field field;
    field.name = name;
    field.type = FieldType::kString;
    texts.push_back(make_builder(field));
  }
  for (const nb::handle conflict : conflicts) {
    anchors.push_back(to_anchor(value_of(conflict, kAnchor), kAnchor));
    for (const auto& text : texts) {
      const nb::object value = value_of(conflict, text->field().name);
      if (!value.is_none()) text->append(value);
      text->pad_to(anchors.size());
    }
  }
  Batch batch;
  batch.anchors_bytes = Buffer::copy_of(std::as_bytes(std::span(anchors)));
  for (const auto& text : texts) batch.columns.push_back(text->finish());
  return arrow_batch_capsules(batch, kAnchor);
}

}  // namespace

void bind_conflicts(nb::module_& module) {
  module.def("conflicts_arrow", &conflicts_arrow, nb::arg("conflicts"));
}

}  // namespace dreamdb::python
