// Turning matched rows into columns: one assembler a column, driven through two waves.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "track/block_fetch.h"
#include "track/row_reader.h"

namespace dreamdb {

class Assembler {
 public:
  virtual ~Assembler() = default;
  // Asks for the blocks of the first wave.
  virtual Status begin(BlockFetch& fetch) = 0;
  // After the first wave: asks for those of the second, if any.
  virtual Status more(BlockFetch& fetch) = 0;
  // After the second wave: the column.
  virtual Result<Column> finish(const BlockFetch& fetch) = 0;
};

// `match` may be nullptr: no segment has a value. It must outlive the assembler.
std::unique_ptr<Assembler> assemble_matrix(const Field& field, size_t rows,
                                           const TrackMatch* match);
// More than `bytes_max` bytes of payloads or texts are Exhausted.
std::unique_ptr<Assembler> assemble_blobs(Objects& objects, const Field& field, size_t rows,
                                          const TrackMatch* match, uint64_t bytes_max);
std::unique_ptr<Assembler> assemble_scalar(Objects& objects, const Field& field, size_t rows,
                                           const TrackMatch* match, uint64_t bytes_max);

}  // namespace dreamdb
