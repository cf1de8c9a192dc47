// Batches of records in anchor order, read ahead within a bound in bytes.
//
// Batches are slices of the pieces that are read ahead, so a batch inside a piece is not copied.
//
// Thread rule: one thread at a time.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "stream/read_ahead.h"
#include "stream/stream_options.h"

namespace dreamdb {

class RowStream {
 public:
  RowStream(std::shared_ptr<Objects> objects, const ManifestPtr& manifest,
            RowStreamOptions options);

  // The next batch; nullopt at the end. After an error the stream is at its end.
  Result<std::optional<Batch>> next();

 private:
  Result<std::optional<Batch>> next_batch();
  Result<Batch> cut(size_t rows);

  const size_t batch_rows_;
  std::optional<ReadAhead> ahead_;  // nullopt after the end
  std::deque<Batch> ready_;         // read, not handed out yet
  size_t ready_rows_ = 0;
  size_t front_used_ = 0;  // rows of ready_.front() handed out
};

}  // namespace dreamdb
