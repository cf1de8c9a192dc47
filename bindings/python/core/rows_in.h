// Rows as dictionaries become columns.
//
// Thread rule: the GIL is held.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"
#include "values.h"

namespace dreamdb::python {

// An anchor as Python gives it: an int from 0 to 2^64-2, also of NumPy. `name` is for messages.
uint64_t to_anchor(nb::handle value, const char* name = "_anchor");

// Collects rows `{field: value, ..., "_anchor": int}` until there is enough for one batch.
class RowsIn {
 public:
  explicit RowsIn(const Schema& schema);

  // Either all rows since the last `begin` have `_anchor`, or none.
  void begin() { anchored_.reset(); }
  void add(nb::handle row);

  size_t rows() const { return rows_; }
  // Bytes of values held.
  size_t size_bytes() const;
  // Takes what was collected; begins anew.
  NewRows take();
  void clear();

 private:
  struct Slot {
    nb::object name;
    std::unique_ptr<ColumnBuilder> builder;
  };

  void add_values(nb::handle row, size_t expected);
  [[noreturn]] void refuse_unknown(nb::handle row) const;

  std::vector<Slot> slots_;
  nb::object anchor_name_;
  std::vector<uint64_t> anchors_;
  std::optional<bool> anchored_;
  size_t rows_ = 0;
};

}  // namespace dreamdb::python
