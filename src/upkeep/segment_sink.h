// Rows of a track on their way into new segments, cut at one size.
//
// Thread rule: one thread at a time.
#pragma once

#include <span>
#include <vector>

#include "dreamdb/batch.h"
#include "object/objects.h"

namespace dreamdb {

// Where a segment ends: at the first of these.
struct SegmentCut {
  uint64_t rows = 0;
  uint64_t bytes = 0;  // of values
};

class SegmentSink {
 public:
  // fields: the one of a wide track, or scalar fields ascending by id. is_primary: of the record
  // track, whether its rows are records. All arguments outlive this.
  SegmentSink(Objects& objects, const Nonce& nonce, std::span<const Field* const> fields,
              bool is_primary, const SegmentCut& cut)
      : objects_(objects), nonce_(nonce), fields_(fields), is_primary_(is_primary), cut_(cut) {}

  // rows: behind those before; a column for each field. Puts segments that are full.
  Status add(Batch rows);
  // Puts the rest; leaf entries of all, their `seq` still 0.
  Result<std::vector<Entry>> finish();

 private:
  bool is_full() const { return rows_ >= cut_.rows || bytes_ >= cut_.bytes; }
  Status cut(bool is_last);
  size_t next_rows(const Batch& rows) const;
  Status put(const Batch& rows);
  Result<BuiltSegment> build(const Batch& rows) const;

  Objects& objects_;
  const Nonce& nonce_;
  const std::span<const Field* const> fields_;
  const bool is_primary_;
  const SegmentCut cut_;
  std::vector<Batch> held_;
  uint64_t rows_ = 0, bytes_ = 0;  // of `held_`
  std::vector<Entry> entries_;
};

}  // namespace dreamdb
