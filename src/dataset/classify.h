// What an append means for a version: which rows are new records, which add to or change old ones.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <vector>

#include "dataset/rows.h"
#include "object/objects.h"

namespace dreamdb {

// Which values of the rows are to be written.
struct Selection {
  bool all_fresh = false;                // every row is a new record: everything is written
  std::vector<uint32_t> fresh;           // rows that are new records (left empty when all_fresh)
  std::vector<uint32_t> existing;        // rows of old records with at least one value to write
  std::vector<std::vector<bool>> write;  // [column][i]: write the value of row existing[i]
  // [column][row]: given, and equal to what the version holds; empty when there is none. Not told
  // for kSkip, to which it makes no difference.
  std::vector<std::vector<bool>> same;
  std::vector<bool> skipped;  // [row]: kSkip leaves it or a value out; empty when there is none
  AppendReport counts;        // rows, records, filled, unchanged, skipped, replaced
};

// InvalidArgument: a new record lacks a required field. Conflict: names the anchors, of other
// values (kRefuse), or where a record or value is deleted (unless kSkip).
Result<Selection> classify(Objects& objects, const ManifestPtr& manifest, const SortedRows& rows,
                           OnConflict on_conflict);

}  // namespace dreamdb
