#include "rows_in.h"

#include "errors.h"

namespace dreamdb::python {

namespace {

nb::object interned(const std::string& text) {
  PyObject* name = PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
  check(name != nullptr);
  PyUnicode_InternInPlace(&name);
  return nb::steal(name);
}

}  // namespace

uint64_t to_anchor(nb::handle value, const char* name) {
  const auto what = [name] {
    return std::string("field `") + name +
           "`: expected u64 nanoseconds since UNIX epoch (0 to 2^64-2), not ";
  };
  nb::object number = nb::steal(PyNumber_Index(value.ptr()));
  if (!number.is_valid() || PyBool_Check(value.ptr()) != 0) {
    PyErr_Clear();
    raise_type(what() + nb::type_name(value.type()).c_str());
  }
  const uint64_t anchor = PyLong_AsUnsignedLongLong(number.ptr());
  const bool failed = anchor == UINT64_MAX && PyErr_Occurred() != nullptr;
  if (failed) PyErr_Clear();
  if (failed || anchor > kAnchorMax) {
    raise_range(what() + nb::cast<std::string>(nb::str(number)));
  }
  return anchor;
}

RowsIn::RowsIn(const Schema& schema) : anchor_name_(interned("_anchor")) {
  for (const Field& field : schema.fields()) {
    slots_.push_back({interned(field.name), make_builder(field)});
  }
}

void RowsIn::add(nb::handle row) {
  nb::object owner;
  if (PyDict_Check(row.ptr()) == 0) {
    if (!nb::hasattr(row, "keys")) {
      raise_type(std::string("a row is a dict of field names and values, not ") +
                 nb::type_name(row.type()).c_str());
    }
    owner = nb::steal(PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(&PyDict_Type),
                                                   row.ptr(), nullptr));
    check(owner.is_valid());
    row = owner;
  }
  auto values = static_cast<size_t>(PyDict_Size(row.ptr()));
  PyObject* anchor = PyDict_GetItemWithError(row.ptr(), anchor_name_.ptr());
  check(anchor != nullptr || PyErr_Occurred() == nullptr);
  if (anchored_.value_or(anchor != nullptr) != (anchor != nullptr)) {
    raise_invalid(
        "some rows have `_anchor` and some do not: a call takes all-or-nothing explicit anchors "
        "(no mixing). Give each row its anchor, or none.");
  }
  if (anchor != nullptr) {
    anchors_.push_back(to_anchor(anchor));
    --values;
  }
  anchored_ = anchor != nullptr;
  add_values(row, values);
}

void RowsIn::add_values(nb::handle row, size_t expected) {
  size_t found = 0;
  for (Slot& slot : slots_) {
    PyObject* value = PyDict_GetItemWithError(row.ptr(), slot.name.ptr());
    if (value == nullptr) {
      check(PyErr_Occurred() == nullptr);
      continue;
    }
    if (value == Py_None) {
      raise_type("field `" + slot.builder->field().name +
                 "`: None is no value; leave the key out of the row when the field is absent");
    }
    // Converting may run Python code, which may change the row.
    const nb::object held = nb::borrow(value);
    slot.builder->pad_to(rows_);
    slot.builder->append(held);
    ++found;
  }
  ++rows_;
  if (found != expected) refuse_unknown(row);
}

void RowsIn::refuse_unknown(nb::handle row) const {
  std::string known;
  for (const Slot& slot : slots_) {
    known += (known.empty() ? "`" : ", `") + slot.builder->field().name + "`";
  }
  for (nb::handle key : nb::steal<nb::list>(PyDict_Keys(row.ptr()))) {
    bool is_known = key.equal(anchor_name_);
    for (const Slot& slot : slots_) is_known = is_known || key.equal(slot.name);
    if (!is_known) {
      raise_invalid("field `" + nb::cast<std::string>(nb::str(key)) +
                    "` not in schema, which has " + (known.empty() ? "no fields" : known));
    }
  }
  raise_invalid("the row changed while it was read");
}

size_t RowsIn::size_bytes() const {
  size_t total = anchors_.size() * sizeof(uint64_t);
  for (const Slot& slot : slots_) total += slot.builder->size_bytes();
  return total;
}

NewRows RowsIn::take() {
  NewRows out;
  out.rows = rows_;
  if (!anchors_.empty()) out.anchors = Buffer::copy_of(std::as_bytes(std::span(anchors_)));
  for (Slot& slot : slots_) {
    if (slot.builder->all_absent()) continue;
    slot.builder->pad_to(rows_);
    out.columns.push_back(slot.builder->finish());
  }
  anchors_.clear();
  rows_ = 0;
  return out;
}

void RowsIn::clear() {
  for (Slot& slot : slots_) slot.builder = make_builder(Field(slot.builder->field()));
  anchors_.clear();
  anchored_.reset();
  rows_ = 0;
}

}  // namespace dreamdb::python
