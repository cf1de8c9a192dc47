// Rows of an embedding's segments as they stand there, all of them or some of their blocks: what
// training, measuring and encoding read.
//
// Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "object/objects.h"

namespace dreamdb {

// Rows that stand one behind the other in a segment.
struct RowPiece {
  EntryPtr entry;
  std::span<const uint64_t> anchors;  // ascending; empty where they were not asked for
  std::span<const std::byte> values;  // [rows, dim] of the field's dtype
};

struct RowChoice {
  double part = 1;  // of the blocks, evenly over all segments
  uint64_t seed = 0;
  bool has_anchors = true;
};

// Calls use(pieces) -> Status with up to 64 MiB of rows at a time, in the order of `entries`; the
// same choice gives the same rows in the same pieces. A row that a newer segment overrides is among
// them. Reads the blocks that are chosen, each verified, and footers and anchors of their segments.
// Corruption: a segment is missing, damaged or not of the field.
Status feed_rows(Objects& objects, const Field& field, std::span<const EntryPtr> entries,
                 const RowChoice& choice,
                 const std::function<Status(std::span<const RowPiece>)>& use);

}  // namespace dreamdb
