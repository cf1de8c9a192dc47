// Batches of records in anchor order, read ahead on the pool within a bound in bytes.
//
// The scan of record anchors is cut into chunks; each chunk is one task that tests the filter and
// reads the columns; batches are slices of chunks, so a batch inside a chunk is not copied.
//
// Thread rule: one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/thread_pool.h"
#include "search/filter.h"
#include "track/record_scan.h"
#include "track/row_reader.h"

namespace dreamdb {

struct RowStreamOptions {
  std::vector<const Field*> fields;  // of the manifest's schema
  std::optional<Filter> filter;
  std::vector<const Field*> filter_fields;  // what the filter reads
  uint64_t first = 0, last = UINT64_MAX;    // anchors in [first, last]
  size_t batch_rows = 256;
  uint64_t memory_bytes = 96ull << 20;
  bool present_only = false;
};

class RowStream {
 public:
  // `batch_rows` and `memory_bytes` are at least 1.
  RowStream(std::shared_ptr<Objects> objects, ManifestPtr manifest, RowStreamOptions options);
  ~RowStream();
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;

  // The next batch; nullopt at the end. After an error the stream is at its end.
  Result<std::optional<Batch>> next();

 private:
  struct Chunk;
  struct Shared;

  Status fill();
  Status start_chunk(Buffer anchors);
  Status take_chunk();
  Result<Batch> cut(size_t rows);

  std::shared_ptr<Shared> shared_;
  RecordScan scan_;
  uint64_t chunk_bytes_;
  size_t chunk_rows_;
  size_t depth_max_;
  bool scan_done_ = false;
  std::deque<std::shared_ptr<Chunk>> chunks_;  // being read, in order
  uint64_t bytes_ahead_ = 0;
  std::deque<Batch> ready_;  // read, not handed out yet
  size_t ready_rows_ = 0;
  size_t front_used_ = 0;  // rows of ready_.front() handed out
};

}  // namespace dreamdb
