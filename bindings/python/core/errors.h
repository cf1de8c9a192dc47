// Error codes become exception classes of `dreamdb.errors` here and nowhere else.
//
// Thread rule: the GIL is held.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>

#include "dreamdb/result.h"

namespace dreamdb::python {

namespace nb = nanobind;

// Throws the exception of the error's code.
[[noreturn]] void raise(const Error& error);
[[noreturn]] void raise_invalid(std::string message);  // InvalidArgumentError, a ValueError
[[noreturn]] void raise_type(std::string message);     // WrongTypeError, also a TypeError
[[noreturn]] void raise_range(std::string message);    // OutOfRangeError, also an OverflowError

// To be called where `error` was caught: throws it again, with the row that it is about when it is
// an InvalidArgumentError.
[[noreturn]] void raise_of_row(const nb::python_error& error, size_t row);

// The value of `result`, or its exception. An exception that is already pending (Ctrl-C) goes
// first.
template <typename T>
T unwrap(Result<T> result) {
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  if (!result) raise(result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Throws what the C API reported.
inline void check(bool ok) {
  if (!ok) throw nb::python_error();
}

}  // namespace dreamdb::python
