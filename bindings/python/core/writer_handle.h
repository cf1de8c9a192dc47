// A writer as Python holds it: rows are collected here until they are worth a call.
//
// Thread rule: the GIL is held at each call and released while DreamDB works; one thread at a time,
// a second one is refused.
#pragma once

#include "dreamdb/dataset.h"
#include "rows_in.h"

namespace dreamdb::python {

class WriterHandle {
 public:
  WriterHandle(Writer writer, const Schema& schema, const WriterOptions& options);
  // Drops what is not committed, which may wait for writes under way: without the GIL.
  ~WriterHandle();

  // Rows as dictionaries. When one is refused, the rows of this writer that were not yet handed on
  // are dropped: make a new writer.
  size_t append_rows(nb::handle samples);
  // See columns_in. Without `copy` the arrays must not change until the next commit has returned.
  size_t append_columns(size_t rows, nb::handle anchors, const nb::dict& columns, bool copy);
  AppendReport commit();
  AppendReport report() const { return writer_->report(); }

 private:
  void flush();

  Schema schema_;
  std::optional<Writer> writer_;
  RowsIn rows_;
  const uint64_t piece_rows_, piece_bytes_;  // handed on at once, so that limits of commits hold
  size_t given_rows_ = 0;                    // by the calls before this one, as errors count them
  bool in_use_ = false;
};

}  // namespace dreamdb::python
