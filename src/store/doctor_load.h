// How fast a store is: latency of small reads and writes one after the other, throughput of large
// ones side by side.
//
// Thread rule: one call at a time for each `stem`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/result.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace dreamdb {

struct Latency {
  size_t count = 0;  // of samples
  double p50_ms = 0, p99_ms = 0;
};

struct LoadFigures {
  Latency small_get, small_put;  // of 4 KiB
  double get_mb_s = 0, put_mb_s = 0;
  uint64_t connections = 0;  // that carried the large ones; 0: there are none
};

// Measures `store` with objects whose keys begin with `stem`; adds the keys it wrote to `keys`, for
// the caller to delete, also on failure. Bounded: 3 seconds and 100 requests for each latency, 3
// seconds and 128 MiB or so for each throughput (a slow store: one wave of 8 MiB).
// Errors as `Store::put_many` and `read_many`; Cancelled.
Result<LoadFigures> measure_load(Store& store, std::string_view stem, Runtime& runtime,
                                 std::vector<std::string>& keys);

}  // namespace dreamdb
