// What a stream reads.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "format/manifest.h"
#include "search/filter.h"

namespace dreamdb {

struct RowStreamOptions {
  std::vector<const Field*> fields;  // of the manifest's schema
  std::optional<Filter> filter;
  std::vector<const Field*> filter_fields;  // what the filter reads
  uint64_t first = 0, last = UINT64_MAX;    // anchors in [first, last]
  size_t batch_rows = 256;                  // at least 1
  uint64_t memory_bytes = 96ull << 20;      // at least 1
  bool present_only = false;
};

}  // namespace dreamdb
