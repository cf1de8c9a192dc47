// Turning matched rows into columns: one assembler a column, driven through two waves.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "track/block_fetch.h"
#include "track/row_reader.h"

namespace dreamdb {

class Assembler {
 public:
  virtual ~Assembler() = default;
  // Asks for the blocks of the first wave.
  virtual Status begin(BlockFetch& fetch) = 0;
  // After `begin`: all it needs was in the cache, so it may be finished while others wait.
  virtual bool is_at_hand() const { return false; }
  // After the first wave: asks for those of the second, if any.
  virtual Status more(BlockFetch& fetch) = 0;
  // After the second wave: the column.
  virtual Result<Column> finish(const BlockFetch& fetch) = 0;
};

// `match` may be nullptr: no segment has a value. It must outlive the assembler.
// `places`: as RowPlan::matrix_rows; must outlive the assembler. `keeper`: whose caches keep single
// rows and tags of others; nullptr: none are kept.
std::unique_ptr<Assembler> assemble_matrix(const Field& field, size_t rows, const TrackMatch* match,
                                           std::span<const uint32_t> places, Objects* keeper);
// More than `bytes_max` bytes of payloads or texts are Exhausted.
std::unique_ptr<Assembler> assemble_blobs(Objects& objects, const Field& field, size_t rows,
                                          const TrackMatch* match, uint64_t bytes_max);
std::unique_ptr<Assembler> assemble_scalar(Objects& objects, const Field& field, size_t rows,
                                           const TrackMatch* match, uint64_t bytes_max);

}  // namespace dreamdb
