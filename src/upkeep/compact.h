// Few large segments of many small ones: planned, written, committed piece by piece.
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <string>

#include "dreamdb/upkeep.h"
#include "version/commit.h"

namespace dreamdb {

// The ref that is compacted, and how it moves.
struct CompactTarget {
  Objects& objects;
  Runtime& runtime;
  std::string program;
  std::function<Tip()> tip;
  std::function<Status(Change, const Rebase&)> commit;
};

// Errors as those of `compact`.
Result<CompactReport> compact_ref(const CompactTarget& target, const CompactOptions& options);

}  // namespace dreamdb
