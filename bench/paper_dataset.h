// Datasets that exist on paper: real pages that name segments which are not there, for figures that
// read none.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "bench/data.h"

namespace dreamdb::bench {

inline constexpr Fields kPaperFields{false, true, false};
inline constexpr uint64_t kRowsASegment = 1000;

// Makes a dataset and commits `segments` segments of records, and as many of vectors, at once.
Status make_pages(const std::string& folder, uint64_t segments);

}  // namespace dreamdb::bench
