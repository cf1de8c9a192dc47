#include "dreamdb/where.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "classes.h"
#include "errors.h"

namespace dreamdb::python {

namespace {

Where::Literal to_literal(nb::handle value) {
  if (PyBool_Check(value.ptr()) != 0) return value.ptr() == Py_True;
  if (PyFloat_Check(value.ptr()) != 0) return PyFloat_AsDouble(value.ptr());
  if (PyUnicode_Check(value.ptr()) != 0) return nb::cast<std::string>(value);
  if (PyLong_Check(value.ptr()) != 0) {
    int overflow = 0;
    const int64_t number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow == 0) return number;
    // Beyond i64 no stored integer is equal; a float of that size compares the same way.
    const double wide = PyLong_AsDouble(value.ptr());
    if (wide != -1.0 || PyErr_Occurred() == nullptr) return wide;
    PyErr_Clear();
    raise_range("a where value has more digits than a 64-bit float can hold");
  }
  raise_type(std::string("a where value is a bool, int, float or str, not ") +
             nb::type_name(value.type()).c_str());
}

Where::Op to_op(const std::string& op) {
  if (op == "==") return Where::Op::kEqual;
  if (op == "!=") return Where::Op::kNotEqual;
  if (op == "<") return Where::Op::kLess;
  if (op == "<=") return Where::Op::kLessEqual;
  if (op == ">") return Where::Op::kGreater;
  if (op == ">=") return Where::Op::kGreaterEqual;
  raise_invalid("unknown where op `" + op + "` (use ==, !=, <, <=, >, >=, in)");
}

Where well_built(Where where) {
  unwrap(where.status());
  return where;
}

}  // namespace

void bind_where(nb::module_& module) {
  nb::class_<Where>(module, "Where",
                    "A filter on scalar fields; combine with & (and), | (or) and ~ (not).")
      .def_static(
          "parse", [](const std::string& text) { return unwrap(Where::parse(text)); },
          nb::arg("text"))
      .def_static(
          "compare",
          [](std::string field, const std::string& op, nb::handle value) {
            return well_built(Where::compare(std::move(field), to_op(op), to_literal(value)));
          },
          nb::arg("field"), nb::arg("op"), nb::arg("value"))
      .def_static(
          "between",
          [](std::string field, nb::handle low, nb::handle high) {
            return well_built(Where::between(std::move(field), to_literal(low), to_literal(high)));
          },
          nb::arg("field"), nb::arg("low"), nb::arg("high"))
      .def_static(
          "is_in",
          [](std::string field, nb::iterable values) {
            std::vector<Where::Literal> literals;
            for (nb::handle value : values) literals.push_back(to_literal(value));
            return well_built(Where::in(std::move(field), std::move(literals)));
          },
          nb::arg("field"), nb::arg("values"))
      .def_static(
          "like",
          [](std::string field, std::string pattern) {
            return well_built(Where::like(std::move(field), std::move(pattern)));
          },
          nb::arg("field"), nb::arg("pattern"))
      .def_static(
          "is_null", [](std::string field) { return well_built(Where::is_null(std::move(field))); },
          nb::arg("field"))
      .def("__and__", [](const Where& a, const Where& b) { return well_built(a && b); })
      .def("__or__", [](const Where& a, const Where& b) { return well_built(a || b); })
      .def("__invert__", [](const Where& a) { return well_built(!a); })
      .def("__bool__",
           [](const Where&) -> bool {
             raise_type(
                 "a where expression is neither true nor false: combine with & | ~ and "
                 "parentheses instead of and, or, not; use between instead of a < x < b");
           })
      .def("fields", &Where::fields, "The names in it, each once.")
      .def("__str__", &Where::to_string)
      .def("__repr__", [](const Where& a) { return "<Where " + a.to_string() + ">"; })
      .def("__eq__", [](const Where& a, const Where& b) { return a == b; })
      .def("__eq__", [](const Where&, nb::handle) { return false; })
      .def("__hash__", [](const Where& a) { return std::hash<std::string>()(a.to_string()); });
}

}  // namespace dreamdb::python
