#include "stream/row_stream.h"

#include <algorithm>

#include "dreamdb/interrupt.h"
#include "track/columns.h"

namespace dreamdb {

RowStream::RowStream(std::shared_ptr<Objects> objects, const ManifestPtr& manifest,
                     RowStreamOptions options)
    : batch_rows_(options.batch_rows) {
  ahead_.emplace(std::move(objects), manifest, std::move(options));
}

Result<Batch> RowStream::cut(size_t rows) {
  std::vector<Batch> pieces;
  ready_rows_ -= rows;
  while (rows > 0) {
    const size_t left = ready_.front().rows() - front_used_;
    const size_t count = std::min(rows, left);
    pieces.push_back(slice_batch(ready_.front(), front_used_, count));
    rows -= count;
    front_used_ += count;
    if (front_used_ == ready_.front().rows()) {
      ready_.pop_front();
      front_used_ = 0;
    }
  }
  DREAMDB_TRY(check_texts(pieces));
  return concat_batches(pieces);
}

Result<std::optional<Batch>> RowStream::next_batch() {
  if (ahead_) {
    DREAMDB_TRY(check_interrupt());
    DREAMDB_TRY(ahead_->top_up());
  }
  while (ahead_ && ready_rows_ < batch_rows_) {
    DREAMDB_ASSIGN(std::optional<Batch> piece, ahead_->next());
    if (!piece) {
      ahead_.reset();
    } else if (piece->rows() > 0) {
      ready_rows_ += piece->rows();
      ready_.push_back(*std::move(piece));
    }
    DREAMDB_TRY(check_interrupt());
  }
  if (ready_rows_ == 0) return std::optional<Batch>();
  DREAMDB_ASSIGN(Batch batch, cut(std::min(batch_rows_, ready_rows_)));
  return std::optional<Batch>(std::move(batch));
}

Result<std::optional<Batch>> RowStream::next() {
  auto batch = next_batch();
  if (!batch) {
    ahead_.reset();
    ready_.clear();
    ready_rows_ = 0;
    front_used_ = 0;
  }
  return batch;
}

}  // namespace dreamdb
