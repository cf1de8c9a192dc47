// Segments of a dataset that is too large to be written: real footers over blocks of which only
// those that were asked for hold something. All others are zeros, and have the hash of zeros; on
// disk they are holes of a sparse file.
//
// Thread rule: an object is for one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "dreamdb/buffer.h"
#include "format/segment.h"

namespace dreamdb::bench {

class SparseSegment {
 public:
  // Records [first, first + rows) of `data.h`, no value told.
  static SparseSegment of_records(uint64_t first, uint64_t rows);
  // Their vectors, [rows, kDim] f32.
  static SparseSegment of_vectors(FieldId field, uint64_t first, uint64_t rows);
  // Codes of kDim dimensions under the index at `spatial`: cells [first_cell, first_cell + cells)
  // of `cell_rows` rows each; `first` and `last`: of their anchors.
  static SparseSegment of_codes(FieldId field, const Address& spatial, uint32_t first_cell,
                                uint32_t cells, uint32_t cell_rows, uint64_t first, uint64_t last);

  uint64_t rows() const { return segment_.rows; }
  uint64_t rows_per_block() const;
  uint64_t rows_in_block(size_t block) const;
  // The bytes of a block, to be filled; zeros when it is asked for first.
  std::span<std::byte> block(size_t index);
  bool has_blocks() const { return !blocks_.empty(); }

  // Its leaf entry, with the blocks as they are now.
  Entry finish();
  // Writes it as it was finished below `folder`, where a folder store looks for it. Unavailable:
  // the disk is full, or takes no such file.
  Status write(const std::string& folder) const;

 private:
  explicit SparseSegment(SegmentType type, FieldId field, uint64_t rows);
  const Run& run() const { return segment_.codes ? segment_.codes->codes : segment_.data; }
  void lay_out(Run& run, uint64_t per, uint64_t row_bytes);

  Segment segment_;
  uint64_t first_ = 0, last_ = 0;  // anchors
  Stats stats_;                    // of the entry
  std::map<size_t, std::vector<std::byte>> blocks_;
  std::vector<std::byte> footer_;
};

}  // namespace dreamdb::bench
