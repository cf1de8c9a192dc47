// Codes of many rows on their way from the order of anchors to that of cells, on the local disk
// where they are more than fit in memory.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

#include "index/encode.h"

namespace dreamdb {

class CodeSpill {
 public:
  // rows: about how many will come; cell_rows: about how many of them in each cell, for parts of
  // equal size. Files are made in TMPDIR (or /tmp), and have no name: they are gone with this.
  // memory_bytes: held in all; piece_bytes: of a part, and half of what a piece may have.
  CodeSpill(const SpatialIndex& index, uint64_t rows, std::span<const uint64_t> cell_rows,
            uint64_t memory_bytes = 256ull << 20, uint64_t piece_bytes = 64ull << 20);

  // Exhausted or Unavailable: the disk is full or takes no file; names the folder.
  Status add(const CodeTable& codes);
  // Calls use(codes) -> Status for pieces of the rows: all rows of a cell stand in one piece, or in
  // several in the order in which they came if they are very many. Pieces ascend by cell.
  Status finish(const std::function<Status(const CodeTable&)>& use);

  uint64_t rows() const { return rows_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Part {
    CodeTable held;
    std::unique_ptr<std::FILE, CloseFile> file;
    uint64_t rows = 0;  // in the file
  };
  Status flush(Part& part);

  const SpatialIndex& index_;
  std::vector<uint32_t> first_cells_;  // of each part; ascending from 0
  std::vector<Part> parts_;
  uint64_t piece_rows_;
  size_t held_rows_max_;  // of a part with a file
  uint64_t rows_ = 0;
};

}  // namespace dreamdb
