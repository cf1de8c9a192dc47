// Python values of one field, one after the other, become a Column.
//
// Thread rule: the GIL is held.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <vector>

#include "buffers.h"
#include "dreamdb/batch.h"

namespace dreamdb::python {

// Collects the values of one field. What is refused is thrown as InvalidArgumentError (wrong
// length), WrongTypeError or OutOfRangeError, and names the field; the builder is then useless.
class ColumnBuilder {
 public:
  explicit ColumnBuilder(const Field& field) : field_(field) {}
  virtual ~ColumnBuilder() = default;

  void append(nb::handle value) {
    append_value(value);
    if (!valid_.empty()) set_valid(rows_, true);
    ++rows_;
  }
  // Absent values up to row `rows`.
  void pad_to(size_t rows) {
    while (rows_ < rows) append_absent();
  }

  const Field& field() const { return field_; }
  size_t rows() const { return rows_; }
  size_t size_bytes() const { return size_bytes_; }
  // No value but absent ones so far.
  bool all_absent() const { return absent_ == rows_; }

  // The column of the rows so far; the builder begins anew.
  Column finish();

 protected:
  virtual void append_value(nb::handle value) = 0;
  virtual void append_nothing() = 0;  // keeps the place of an absent value
  virtual void move_values(Column& column) = 0;

  // "field `x`", how messages begin.
  std::string what() const { return "field `" + field_.name + "`"; }
  void count_bytes(size_t size) { size_bytes_ += size; }

 private:
  void append_absent();
  void set_valid(size_t row, bool valid);

  Field field_;
  size_t rows_ = 0;
  size_t absent_ = 0;
  size_t size_bytes_ = 0;
  std::vector<std::byte> valid_;  // empty until the first absent value
};

std::unique_ptr<ColumnBuilder> make_builder(const Field& field);

// A value of an int field: an integer of Python or NumPy, also a bool. `what` begins messages.
int64_t to_i64(nb::handle value, const std::string& what);

}  // namespace dreamdb::python
