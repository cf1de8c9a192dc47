// Codes of many rows, from the order in which they are read to code segments on the store.
//
// Thread rule: one thread at a time; the work is shared on the pool.
#pragma once

#include <span>
#include <vector>

#include "index/code_spill.h"
#include "index/row_feed.h"
#include "index/train_index.h"

namespace dreamdb {

class RowEncoder {
 public:
  // rows: about how many will come; cell_rows: about how many of them in each cell. `index` lives
  // until the end.
  RowEncoder(const SpatialIndex& index, uint64_t rows, std::span<const uint64_t> cell_rows)
      : index_(&index), spill_(index, rows, cell_rows) {}

  // No anchor may come twice. O(rows cells dim / 2) at most, as a product of matrices.
  // Exhausted or Unavailable: the disk takes no codes on their way.
  Status add(std::span<const RowPiece> pieces, Dtype dtype);
  // Puts the codes of all rows under the index at `spatial`: leaf entries of their segments, each
  // cell in one of them unless it is very large.
  Result<std::vector<Entry>> finish(Objects& objects, const Nonce& nonce, FieldId field,
                                    const Address& spatial, const Report& report);

  uint64_t rows() const { return spill_.rows(); }

 private:
  const SpatialIndex* index_;
  CodeSpill spill_;
};

}  // namespace dreamdb
