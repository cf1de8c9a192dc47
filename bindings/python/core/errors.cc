#include "errors.h"

namespace dreamdb::python {

namespace {

[[noreturn]] void raise_class(const char* name, const std::string& message) {
  nb::object type = nb::module_::import_("dreamdb.errors").attr(name);
  // Messages may quote bytes of a damaged store: what is not UTF-8 is shown escaped.
  nb::object text = nb::steal(PyUnicode_DecodeUTF8(
      message.data(), static_cast<Py_ssize_t>(message.size()), "backslashreplace"));
  check(text.is_valid());
  PyErr_SetObject(type.ptr(), text.ptr());
  throw nb::python_error();
}

const char* class_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "InvalidArgumentError";
    case Code::kNotFound: return "NotFoundError";
    case Code::kAlreadyExists: return "AlreadyExistsError";
    case Code::kConflict: return "ConflictError";
    case Code::kCorruption: return "CorruptionError";
    case Code::kUnsupported: return "UnsupportedError";
    case Code::kUnavailable: return "UnavailableError";
    case Code::kOutcomeUnknown: return "OutcomeUnknownError";
    case Code::kDenied: return "DeniedError";
    case Code::kExhausted: return "ExhaustedError";
    case Code::kCancelled: return "CancelledError";
    case Code::kInternal: break;
  }
  return "InternalError";
}

}  // namespace

void raise(const Error& error) { raise_class(class_of(error.code), error.message); }

void raise_of_row(const nb::python_error& error, size_t row) {
  const nb::object ours = nb::module_::import_("dreamdb.errors").attr("InvalidArgumentError");
  if (!error.matches(ours)) throw;
  const nb::str text(error.value());
  const nb::str message((std::string(text.c_str()) + " (row " + std::to_string(row) + ")").c_str());
  PyErr_SetObject(error.type().ptr(), message.ptr());
  throw nb::python_error();
}

void raise_invalid(std::string message) { raise_class("InvalidArgumentError", message); }
void raise_type(std::string message) { raise_class("WrongTypeError", message); }
void raise_range(std::string message) { raise_class("OutOfRangeError", message); }

}  // namespace dreamdb::python
