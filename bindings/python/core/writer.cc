#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "call.h"
#include "classes.h"
#include "columns_in.h"
#include "in_use.h"
#include "writer_handle.h"

namespace dreamdb::python {

namespace {

// What a writer makes segments of at once: such a piece is not copied together with others.
const uint64_t kPieceBytes = WriterOptions().buffer_bytes;

}  // namespace

WriterHandle::WriterHandle(Writer writer, const Schema& schema, const WriterOptions& options)
    : schema_(schema),
      writer_(std::move(writer)),
      rows_(schema),
      piece_rows_(options.commit_rows),
      piece_bytes_(std::min({kPieceBytes, options.buffer_bytes, options.commit_bytes})) {}

WriterHandle::~WriterHandle() {
  const GilReleased released;
  writer_.reset();
}

size_t WriterHandle::append_rows(nb::handle samples) {
  const InUse use(in_use_, "writer");
  nb::object iterator = nb::steal(PyObject_GetIter(samples.ptr()));
  check(iterator.is_valid());
  rows_.begin();
  size_t count = 0;
  try {
    while (true) {
      nb::object row = nb::steal(PyIter_Next(iterator.ptr()));
      if (!row.is_valid()) {
        check(PyErr_Occurred() == nullptr);
        break;
      }
      try {
        rows_.add(row);
      } catch (const nb::python_error& error) {
        raise_of_row(error, given_rows_ + count);
      }
      ++count;
      if (rows_.size_bytes() >= piece_bytes_ || rows_.rows() >= piece_rows_) flush();
    }
  } catch (...) {
    rows_.clear();
    throw;
  }
  given_rows_ += count;
  return count;
}

size_t WriterHandle::append_columns(size_t rows, nb::handle anchors, const nb::dict& columns,
                                    bool copy) {
  const InUse use(in_use_, "writer");
  flush();
  const NewRows all = columns_in(schema_, rows, anchors, columns, given_rows_);
  given_rows_ += rows;
  const size_t step = rows_per_piece(all, piece_bytes_, piece_rows_);
  for (size_t first = 0; first < rows; first += step) {
    const NewRows piece = slice_rows(all, first, std::min(step, rows - first));
    without_gil([&] { return writer_->append(copy ? copy_rows(piece) : piece); });
  }
  return rows;
}

AppendReport WriterHandle::commit() {
  const InUse use(in_use_, "writer");
  flush();
  return without_gil([&] { return writer_->commit(); });
}

void WriterHandle::flush() {
  if (rows_.rows() == 0) return;
  NewRows batch = rows_.take();
  without_gil([&] { return writer_->append(std::move(batch)); });
}

void bind_writer(nb::module_& module) {
  module.attr("COMMIT_BYTES") = WriterOptions().commit_bytes;
  module.attr("COMMIT_ROWS") = WriterOptions().commit_rows;
  module.attr("BUFFER_BYTES") = WriterOptions().buffer_bytes;
  module.def(
      "anchor_bytes",
      [](nb::list anchors) {
        std::vector<uint64_t> out;
        for (nb::handle anchor : anchors) out.push_back(to_anchor(anchor));
        return nb::bytes(reinterpret_cast<const char*>(out.data()), out.size() * 8);
      },
      nb::arg("anchors"), "u64 little-endian of each anchor; refuses what is no anchor.");
  nb::class_<AppendReport>(module, "AppendReport", "What an append did, in rows.")
      .def_ro("rows", &AppendReport::rows, "Given.")
      .def_ro("records", &AppendReport::records, "New records.")
      .def_ro("filled", &AppendReport::filled, "Rows that added a field to a record.")
      .def_ro("unchanged", &AppendReport::unchanged, "Rows that were there already, equal.")
      .def_ro("skipped", &AppendReport::skipped, "Rows kept back by on_conflict='skip'.")
      .def_ro("replaced", &AppendReport::replaced, "Rows whose value replaced another.")
      .def_ro("already_applied", &AppendReport::already_applied,
              "The idempotency key was there: nothing was done.")
      .def_ro("manifest", &AppendReport::manifest, "The version that has the rows.")
      .def_ro("assigned", &AppendReport::assigned, "[(first, last)] of anchors assigned.")
      .def("__repr__", [](const AppendReport& r) {
        return "AppendReport(rows=" + std::to_string(r.rows) +
               ", records=" + std::to_string(r.records) + ", filled=" + std::to_string(r.filled) +
               ", unchanged=" + std::to_string(r.unchanged) +
               ", skipped=" + std::to_string(r.skipped) +
               ", replaced=" + std::to_string(r.replaced) +
               ", already_applied=" + (r.already_applied ? "True" : "False") + ", manifest='" +
               r.manifest + "')";
      });
  nb::class_<WriterHandle>(module, "Writer", "Buffers rows and commits them.")
      .def("append_rows", &WriterHandle::append_rows, nb::arg("samples"))
      .def("append_columns", &WriterHandle::append_columns, nb::arg("rows"),
           nb::arg("anchors").none(), nb::arg("columns"), nb::arg("copy"))
      .def("commit", &WriterHandle::commit)
      .def("report", &WriterHandle::report);
}

}  // namespace dreamdb::python
