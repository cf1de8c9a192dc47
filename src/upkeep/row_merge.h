// Rows of many segments of a track in few.
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "object/objects.h"
#include "upkeep/compact_plan.h"

namespace dreamdb {

// Anchors whose rows are left out, ascending: of all fields, and of one.
struct DeadRows {
  std::vector<uint64_t> records;
  std::map<FieldId, std::vector<uint64_t>> values;

  bool empty() const { return records.empty() && values.empty(); }
  // Those that have no value of the field.
  std::vector<uint64_t> all_of(FieldId field) const;
};

// Told the rows that are done, now and then; an error ends the work.
using RowsDone = std::function<Status(uint64_t rows)>;

// Puts segments with the rows that the inputs have but for dead ones, each with the value of the
// greatest `seq` among them; their leaf entries, `seq` still 0. Where an input of the record track
// introduces a record, so does a new one. Reads
// values in pieces of 8 MiB, verified, and holds those of a segment. field: of a wide track, or
// nullptr: the record track. version: whose schema it is. Errors: those of reading and of putting.
Result<std::vector<Entry>> merge_rows(Objects& objects, const ManifestPtr& version,
                                      const Field* field, const CompactPiece& piece,
                                      const TrackRules& rules, const DeadRows& dead,
                                      const Nonce& nonce, const RowsDone& done);

}  // namespace dreamdb
