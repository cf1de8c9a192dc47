// Datasets that exist on paper: real pages that name segments which are not there, for figures that
// read none.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "bench/data.h"
#include "dreamdb/dataset.h"

namespace dreamdb::bench {

inline constexpr Fields kPaperFields{false, true, false};
inline constexpr uint64_t kRowsASegment = 1000;

// Makes a dataset and commits `segments` segments of records, and as many of vectors, at once. Of
// the first `deleted` segments all records are deleted.
Status make_pages(const std::string& folder, uint64_t segments, uint64_t deleted = 0);

// What a job on a handle just opened took.
struct JobCost {
  double milliseconds = 0, requests = 0, waves = 0;
};
Result<JobCost> cost_of(const Dataset& dataset, const std::function<Status()>& job);

// Two figures of a job on a dataset of some size: its time, in turn with that on one of a tenth of
// the size, and its requests, of which `requests_bar` are allowed. Where all pages are full, only
// the logarithm of the size is left of the time, and has a bar.
struct JobOfSize {
  std::string name;  // "merge, 10000 records"
  std::string note;
  double requests_bar = 0;
  bool has_full_pages = false;
};
using CostedJob = std::function<Result<JobCost>()>;
Status print_growth(const JobOfSize& what, const std::string& tenth_name, const CostedJob& job,
                    const CostedJob& tenth);

}  // namespace dreamdb::bench
