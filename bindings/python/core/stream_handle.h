// Streams as Python holds them.
//
// Thread rule: the GIL is held at each call; one thread at a time, a second
// one is refused.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>

#include "dreamdb/dataset.h"

namespace dreamdb::python {

namespace nb = nanobind;

class BatchStreamHandle {
 public:
  explicit BatchStreamHandle(BatchStream stream) : stream_(std::move(stream)) {}
  ~BatchStreamHandle() { close(); }
  std::optional<Batch> next();
  // Stops reading ahead, which may wait for reads under way: without the GIL.
  void close();

 private:
  std::optional<BatchStream> stream_;
  bool in_use_ = false;
};

class TombstoneStreamHandle {
 public:
  explicit TombstoneStreamHandle(TombstoneStream stream) : stream_(std::move(stream)) {}
  // Anchors alone.
  std::optional<Batch> next();
  void close() { stream_.reset(); }

 private:
  std::optional<TombstoneStream> stream_;
  bool in_use_ = false;
};

class HistoryStreamHandle {
 public:
  explicit HistoryStreamHandle(HistoryStream stream) : stream_(std::move(stream)) {}
  std::optional<nb::dict> next();

 private:
  HistoryStream stream_;
  bool in_use_ = false;
};

}  // namespace dreamdb::python
