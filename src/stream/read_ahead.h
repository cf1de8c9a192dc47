// Pieces of a version in anchor order, read ahead within a bound in bytes.
//
// The scan of record anchors is cut into groups; a group is planned as a whole, so that the
// footers of all its segments are one wave, and cut into pieces of about `piece_bytes`; each
// piece is one task that reads its columns (and tests the filter, when there is one).
//
// On a near store the processors are the limit: a few more pieces than processors are under way, on
// the pool of the processors, and each is planned by the thread that asks, from the cache. On a far
// store (Store::is_far) time is the limit: pieces are started until three quarters of
// `memory_bytes` are under way, on threads that do little but wait, and groups are scanned and
// planned ahead of them. 72 MiB under way, pieces of 3 MiB, keep 1.5 GB/s of
// 1.6 at 20 ms and 100 MB/s a connection. Pieces of 2 MiB keep a little more there, but a server
// that is near answers so many requests a tenth slower.
//
// Thread rule: one thread at a time.
#pragma once

#include <memory>
#include <optional>

#include "stream/stream_options.h"
#include "track/row_reader.h"

namespace dreamdb {

class ReadAhead {
 public:
  ReadAhead(std::shared_ptr<Objects> objects, const ManifestPtr& manifest,
            RowStreamOptions options);
  // Waits for what is under way.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Starts what there is room for. Errors: those of planning, on a near store.
  Status top_up();
  // The rows of the next piece, maybe none; nullopt at the end. After an error: the same error.
  Result<std::optional<Batch>> next();

 private:
  class Queue;
  const std::shared_ptr<Queue> queue_;
};

}  // namespace dreamdb
