// Runs of string columns: a dictionary where it makes the column smaller, plain blocks otherwise.
#pragma once

#include <optional>

#include "format/segment_writer.h"

namespace dreamdb {

// Offsets ascend and stay inside `values`; each string is UTF-8 of at most 1 MiB.
Status check_strings(const Column& column, uint64_t rows);

struct StringRuns {
  std::optional<RunDraft> dict;
  RunDraft data;
};

// The column must have passed check_strings. InvalidArgument: a block would exceed 1 GiB.
Result<StringRuns> string_runs(const Column& column, uint64_t rows);

}  // namespace dreamdb
