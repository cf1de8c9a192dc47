#include "stream/row_stream.h"

#include <algorithm>

#include "dreamdb/interrupt.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

// Large enough to amortise a request and a task; small enough that what one thread fetches is
// hashed and used while it is in the cache.
constexpr uint64_t kChunkBytesMax = 2ull << 20;
constexpr uint64_t kChunkBytesMin = 64 * 1024;
constexpr size_t kChunkRowsMax = 262'144;

// About the bytes that one record takes in the chosen fields: those that are handed out in place
// when rows stand together, and those that are not.
struct RowBytes {
  uint64_t in_place = 8;
  uint64_t apart = 0;
};

RowBytes estimate_row_bytes(const Manifest& manifest, const RowStreamOptions& options) {
  RowBytes bytes;
  const auto track_bytes = [&](FieldId field) -> uint64_t {
    const Root* root = manifest.find_track(field);
    const uint64_t bytes_a_row =
        root == nullptr ? 0 : root->bytes / std::max<uint64_t>(1, root->rows);
    return std::min<uint64_t>(bytes_a_row, 1ull << 30);
  };
  bool scalars = options.filter.has_value();
  for (const Field* field : options.fields) {
    if (is_scalar(field->type)) {
      scalars = true;
      bytes.in_place += 8;
    } else {
      // Rows that lack a matrix are zeros in memory all the same.
      if (is_matrix(field->type)) bytes.in_place += field->row_bytes();
      if (is_blob(field->type)) bytes.apart += track_bytes(field->id);
    }
  }
  if (scalars) bytes.in_place += track_bytes(kRecordTrack);
  return bytes;
}

// Whole batches, so that a batch lies in one chunk and is not copied; parts of a batch only where
// payloads outweigh what would be copied.
size_t rows_in_chunk(const RowBytes& row, uint64_t chunk_bytes, size_t batch_rows) {
  const uint64_t rows = std::max<uint64_t>(1, chunk_bytes / (row.in_place + row.apart));
  if (rows < batch_rows) return row.apart > row.in_place ? static_cast<size_t>(rows) : batch_rows;
  const size_t most = std::max(batch_rows, kChunkRowsMax);
  return static_cast<size_t>(std::min<uint64_t>(rows, most)) / batch_rows * batch_rows;
}

// The rows of `batch` for which `keep` holds.
template <typename Keep>
Batch pick_where(const Batch& batch, const Keep& keep) {
  std::vector<uint32_t> rows;
  for (size_t i = 0; i < batch.rows(); ++i)
    if (keep(i)) rows.push_back(static_cast<uint32_t>(i));
  return rows.size() == batch.rows() ? batch : pick_rows(batch, rows);
}

}  // namespace

struct RowStream::Shared {
  Shared(std::shared_ptr<Objects> o, ManifestPtr manifest, RowStreamOptions opts)
      : objects(std::move(o)), reader(*objects, std::move(manifest)), options(std::move(opts)) {}

  std::shared_ptr<Objects> objects;
  RowReader reader;
  RowStreamOptions options;
  std::atomic<bool> stopped{false};

  // The records among `anchors` that the filter keeps, with the chosen columns.
  Result<Batch> read(const Buffer& anchors) const {
    Buffer wanted = anchors;
    if (options.filter) {
      DREAMDB_ASSIGN(const Batch tested, reader.read(anchors, options.filter_fields));
      DREAMDB_ASSIGN(const std::vector<uint8_t> keep, options.filter->evaluate(tested));
      Batch bare;
      bare.anchors_bytes = anchors;
      wanted = pick_where(bare, [&](size_t i) { return keep[i] != 0; }).anchors_bytes;
    }
    DREAMDB_ASSIGN(const RowPlan plan, reader.plan(wanted, options.fields));
    return fetch(plan);
  }

  Result<Batch> fetch(const RowPlan& plan) const {
    DREAMDB_ASSIGN(Batch batch, reader.fetch(plan));
    if (!options.present_only) return batch;
    return pick_where(batch, [&](size_t row) {
      return std::any_of(batch.columns.begin(), batch.columns.end(),
                         [row](const Column& column) { return column.is_valid(row); });
    });
  }
};

struct RowStream::Chunk {
  Task task;
  uint64_t bytes = 0;
  Result<Batch> result = fail(Code::kCancelled, "the stream was closed");
};

RowStream::RowStream(std::shared_ptr<Objects> objects, ManifestPtr manifest,
                     RowStreamOptions options)
    : shared_(std::make_shared<Shared>(objects, manifest, std::move(options))),
      scan_(*objects, manifest, shared_->options.first, shared_->options.last,
            shared_->options.filter ? &*shared_->options.filter : nullptr) {
  const RowStreamOptions& o = shared_->options;
  chunk_bytes_ = std::clamp(o.memory_bytes / 8, kChunkBytesMin, kChunkBytesMax);
  depth_max_ = std::min<size_t>(2 * shared_pool().thread_count() + 2,
                                static_cast<size_t>(o.memory_bytes / chunk_bytes_ / 2 + 1));
  chunk_rows_ = rows_in_chunk(estimate_row_bytes(*manifest, o), chunk_bytes_, o.batch_rows);
}

RowStream::~RowStream() {
  shared_->stopped = true;
  for (const auto& chunk : chunks_) chunk->task.wait();
}

Status RowStream::start_chunk(Buffer anchors) {
  auto chunk = std::make_shared<Chunk>();
  const RowStreamOptions& o = shared_->options;
  if (o.filter) {
    chunk->bytes = chunk_bytes_;
    chunk->task = shared_pool().submit([shared = shared_, chunk = chunk.get(), anchors] {
      if (!shared->stopped) chunk->result = shared->read(anchors);
    });
  } else {
    for (;;) {
      DREAMDB_ASSIGN(RowPlan plan, shared_->reader.plan(anchors, o.fields));
      const size_t rows = anchors.size() / 8;
      const size_t unit = std::min(o.batch_rows, chunk_rows_);
      if (plan.bytes > 2 * chunk_bytes_ && rows > unit) {
        // Larger rows than the average: read half as many, in whole batches where that is wanted.
        const size_t half = (rows / 2 + unit - 1) / unit * unit;
        const size_t keep = half < rows ? half : rows - unit;
        scan_.put_back(anchors.slice(keep * 8, anchors.size() - keep * 8));
        anchors = anchors.slice(0, keep * 8);
        continue;
      }
      chunk->bytes = plan.bytes;
      chunk->task =
          shared_pool().submit([shared = shared_, chunk = chunk.get(), plan = std::move(plan)] {
            if (!shared->stopped) chunk->result = shared->fetch(plan);
          });
      break;
    }
  }
  bytes_ahead_ += chunk->bytes;
  chunks_.push_back(std::move(chunk));
  return {};
}

Status RowStream::fill() {
  DREAMDB_TRY(check_interrupt());
  while (!scan_done_ && chunks_.size() < depth_max_ &&
         (chunks_.empty() || bytes_ahead_ < shared_->options.memory_bytes / 2)) {
    DREAMDB_ASSIGN(Buffer anchors, scan_.next(chunk_rows_));
    if (anchors.empty()) {
      scan_done_ = true;
      break;
    }
    DREAMDB_TRY(start_chunk(std::move(anchors)));
  }
  return {};
}

Status RowStream::take_chunk() {
  const std::shared_ptr<Chunk> chunk = chunks_.front();
  chunk->task.wait();
  chunks_.pop_front();
  bytes_ahead_ -= chunk->bytes;
  DREAMDB_ASSIGN(Batch batch, std::move(chunk->result));
  if (batch.rows() > 0) {
    ready_rows_ += batch.rows();
    ready_.push_back(std::move(batch));
  }
  return {};
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

Result<std::optional<Batch>> RowStream::next() {
  const size_t batch_rows = shared_->options.batch_rows;
  for (;;) {
    Status status = fill();
    if (status && ready_rows_ < batch_rows && !chunks_.empty()) {
      status = take_chunk();
      if (status) continue;
    }
    if (!status) {
      scan_done_ = true;
      shared_->stopped = true;
      while (!chunks_.empty()) {
        chunks_.front()->task.wait();
        chunks_.pop_front();
      }
      ready_.clear();
      ready_rows_ = 0;
      return std::unexpected(std::move(status).error());
    }
    if (ready_rows_ == 0) return std::optional<Batch>();
    DREAMDB_ASSIGN(Batch batch, cut(std::min(batch_rows, ready_rows_)));
    return std::optional<Batch>(std::move(batch));
  }
}

}  // namespace dreamdb
