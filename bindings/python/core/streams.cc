#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "call.h"
#include "classes.h"
#include "in_use.h"
#include "reports.h"
#include "stream_handle.h"

namespace dreamdb::python {

std::optional<Batch> BatchStreamHandle::next() {
  const InUse use(in_use_, "stream");
  return without_gil([&]() -> Result<std::optional<Batch>> {
    if (!stream_) return std::optional<Batch>();
    auto batch = stream_->next();
    if (!batch || !*batch) stream_.reset();
    return batch;
  });
}

void BatchStreamHandle::close() {
  if (!stream_) return;
  const InUse use(in_use_, "stream");
  const GilReleased released;
  stream_.reset();
}

std::optional<Batch> TombstoneStreamHandle::next() {
  const InUse use(in_use_, "stream");
  return without_gil([&]() -> Result<std::optional<Batch>> {
    if (!stream_) return std::optional<Batch>();
    DREAMDB_ASSIGN(std::optional<Buffer> anchors, stream_->next());
    return anchors ? std::optional(Batch{*std::move(anchors), {}}) : std::nullopt;
  });
}

std::optional<nb::dict> HistoryStreamHandle::next() {
  const InUse use(in_use_, "stream");
  auto info = without_gil([&] { return stream_.next(); });
  if (!info) return std::nullopt;
  return to_dict(*info);
}

void bind_streams(nb::module_& module) {
  nb::class_<BatchStreamHandle>(module, "BatchStream", "Batches in anchor order.")
      .def("next", &BatchStreamHandle::next, "The next Batch; None at the end.")
      .def("close", &BatchStreamHandle::close, "Stops reading ahead.");
  nb::class_<TombstoneStreamHandle>(module, "TombstoneStream", "Deleted anchors, ascending.")
      .def("next", &TombstoneStreamHandle::next, "The next of them as a Batch; None at the end.")
      .def("close", &TombstoneStreamHandle::close, "Reads no more.");
  nb::class_<HistoryStreamHandle>(module, "HistoryStream", "Versions, newest first.")
      .def("next", &HistoryStreamHandle::next, "The next version; None at the end.");
}

}  // namespace dreamdb::python
