// The queue of groups and their pieces, and the three steps of each: scan, plan, fetch.
#include "stream/read_ahead.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "dreamdb/interrupt.h"
#include "runtime/fork.h"
#include "runtime/thread_pool.h"
#include "stream/piece_size.h"
#include "track/columns.h"
#include "track/record_scan.h"

namespace dreamdb {

namespace {

// Large enough to amortise a request and a task; small enough that what one thread fetches is
// hashed and used while it is in the cache, and that few bytes under way saturate a far store.
constexpr uint64_t kPieceBytesMax = 2ull << 20;
constexpr uint64_t kFarPieceBytesMax = 3ull << 20;
constexpr uint64_t kPieceBytesMin = 64 * 1024;
constexpr uint64_t kLookNs = 50'000'000;  // between looks whether the reader is interrupted
// Estimates go by averages: a piece may be so many times the size before it is cut.
constexpr uint64_t kPlannedSizesMax = 2;
constexpr uint64_t kReadSizesMax = 4;

// On a far store: a group of 64 MiB is planned in one wave; two groups at a time, and one more
// window of pieces than those being fetched, so that fetches never wait for a plan.
constexpr size_t kGroupPiecesMax = 32;
constexpr size_t kPlanningMax = 2;
constexpr size_t kPlannedPiecesMax = 64;
constexpr size_t kFarPiecesMax = 64;

// The rows of `batch` for which `keep` holds.
template <typename Keep>
Batch pick_where(const Batch& batch, const Keep& keep) {
  std::vector<uint32_t> rows;
  for (size_t i = 0; i < batch.rows(); ++i)
    if (keep(i)) rows.push_back(static_cast<uint32_t>(i));
  return rows.size() == batch.rows() ? batch : pick_rows(batch, rows);
}

// What is read besides the record track: tracks of the fields, and tombstones.
std::vector<const Root*> other_trees(const Manifest& manifest,
                                     std::span<const Field* const> fields) {
  std::vector<const Root*> out;
  for (const Field* field : fields)
    if (const Root* root = manifest.find_track(field->id); root && !is_scalar(field->type))
      out.push_back(root);
  for (const Root& root : manifest.tombstones)
    if (root.field == kRecordTrack || std::ranges::count(fields, root.field, &Field::id) > 0)
      out.push_back(&root);
  return out;
}

struct Piece {
  Buffer anchors;
  bool is_tested = true;        // false: the filter has yet to say which of the anchors are wanted
  std::optional<RowPlan> plan;  // nullopt: made when it is read
  uint64_t bytes = 0;
  bool is_started = false;
  Task task;
  // What turned out to be too much for one piece, in order; they follow this one.
  std::deque<std::shared_ptr<Piece>> rest;
  Result<Batch> result = fail(Code::kCancelled, "the stream was closed");
};

struct Group {
  Task planning;
  size_t pieces_expected = 0;
  bool is_planned = false;
  Status status;
  std::deque<std::shared_ptr<Piece>> pieces;
};

// What pieces are made of and how many may be under way.
struct Limits {
  bool is_far;
  uint64_t piece_bytes;
  size_t piece_rows;
  uint64_t bytes_max;   // of pieces started
  size_t pieces_max;    // started
  bool plans_are_held;  // planned pieces count as started
  size_t group_pieces_max;

  Limits(const Manifest& manifest, const RowStreamOptions& options, bool far) : is_far(far) {
    piece_bytes = std::clamp(options.memory_bytes / (far ? 32 : 8), kPieceBytesMin,
                             far ? kFarPieceBytesMax : kPieceBytesMax);
    bytes_max = far ? options.memory_bytes / 4 * 3 : options.memory_bytes / 2;
    pieces_max = far ? kFarPiecesMax
                     : std::min<size_t>(2 * shared_pool().thread_count() + 2,
                                        static_cast<size_t>(bytes_max / piece_bytes + 1));
    piece_rows =
        rows_in_piece(estimate_row_bytes(manifest, options), piece_bytes, options.batch_rows);
    plans_are_held = far && plans_hold_data(manifest, options);
    group_pieces_max = plans_are_held
                           ? std::clamp<size_t>(bytes_max / piece_bytes / 4, 1, kGroupPiecesMax)
                           : kGroupPiecesMax;
  }
};

}  // namespace

class ReadAhead::Queue : public std::enable_shared_from_this<ReadAhead::Queue> {
 public:
  Queue(std::shared_ptr<Objects> objects, const ManifestPtr& manifest, RowStreamOptions options)
      : objects_(std::move(objects)),
        options_(std::move(options)),
        reader_(*objects_, manifest),
        limits_(*manifest, options_, objects_->store().is_far()),
        pool_(limits_.is_far ? waiting_pool() : shared_pool()),
        scan_(*objects_, manifest, options_.first, options_.last,
              options_.filter ? &*options_.filter : nullptr,
              limits_.is_far ? other_trees(*manifest, all_fields()) : std::vector<const Root*>()) {}

  Status top_up() {
    if (limits_.is_far) {
      pump();
      return {};
    }
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        start_pieces();
        if (scan_done_ || stopped_ || planned_ > 0 || !has_room()) return {};
      }
      DREAMDB_TRY(add_group_here());
    }
  }

  Result<std::optional<Batch>> next() {
    reader_thread_ = std::this_thread::get_id();
    for (;;) {
      DREAMDB_TRY(top_up());
      std::shared_ptr<Group> group;
      {
        const std::lock_guard lock(mutex_);
        if (groups_.empty()) return std::optional<Batch>();
        group = groups_.front();
      }
      DREAMDB_TRY(wait_for(group->planning));
      DREAMDB_TRY(Status(group->status));
      std::shared_ptr<Piece> piece;
      {
        const std::lock_guard lock(mutex_);
        if (group->pieces.empty()) {
          groups_.pop_front();
          continue;
        }
        start_pieces();
        piece = group->pieces.front();
      }
      DREAMDB_TRY(wait_for(piece->task));
      const std::lock_guard lock(mutex_);
      group->pieces.pop_front();
      planned_ += piece->rest.size();
      group->pieces.insert(group->pieces.begin(), piece->rest.begin(), piece->rest.end());
      if (group->pieces.empty()) groups_.pop_front();
      bytes_started_ -= piece->bytes;
      --started_;
      DREAMDB_ASSIGN(Batch batch, std::move(piece->result));
      return std::optional<Batch>(std::move(batch));
    }
  }

  // Starts nothing more and waits for what is under way.
  void stop() {
    std::vector<Task> tasks;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      for (const auto& group : groups_) {
        tasks.push_back(group->planning);
        for (const auto& piece : group->pieces) tasks.push_back(piece->task);
      }
    }
    for (Task& task : tasks) task.wait();
  }

 private:
  // What is read, and what the filter reads.
  std::vector<const Field*> all_fields() const {
    std::vector<const Field*> out = options_.fields;
    for (const Field* field : options_.filter_fields)
      if (std::find(out.begin(), out.end(), field) == out.end()) out.push_back(field);
    return out;
  }

  // What is under way for the reader goes on when it is interrupted: it may come again.
  static Status wait_for(Task& task) {
    while (!task.wait_for(kLookNs)) DREAMDB_TRY(check_interrupt());
    return {};
  }

  // Runs `work` so that `stop` ends it in the middle of a request, if the reader does not run it
  // itself.
  template <typename Work>
  void run_until_stopped(const Work& work) {
    if (reader_thread_.load() == std::this_thread::get_id()) return work();
    const InterruptScope scope([this] { return stopped_.load(); });
    work();
  }

  // With the lock held: whether one more piece may be started.
  bool has_room() const {
    const uint64_t held = limits_.plans_are_held ? planned_ * limits_.piece_bytes : 0;
    return started_ == 0 ||
           (started_ < limits_.pieces_max && bytes_started_ + held < limits_.bytes_max);
  }

  // With the lock held: starts planned pieces in their order.
  void start_pieces() {
    for (const auto& group : groups_) {
      if (!group->is_planned || stopped_) return;
      for (const auto& piece : group->pieces) {
        if (piece->is_started) continue;
        const bool first = started_ == 0;
        if (!first && (started_ >= limits_.pieces_max || bytes_started_ >= limits_.bytes_max))
          return;
        piece->is_started = true;
        bytes_started_ += piece->bytes;
        ++started_;
        --planned_;
        piece->task = pool_.submit([self = shared_from_this(), piece = piece.get()] {
          if (self->stopped_) return;
          self->run_until_stopped([&] { piece->result = self->read(*piece); });
        });
      }
    }
  }

  // Far: starts what there is room for, and the scan and plan of further groups.
  void pump() {
    const std::lock_guard lock(mutex_);
    start_pieces();
    while (!stopped_ && !scan_done_ && !is_scanning_ && planning_ < kPlanningMax &&
           planned_ < kPlannedPiecesMax &&
           (planned_ == 0 || !limits_.plans_are_held || has_room())) {
      auto group = std::make_shared<Group>();
      group->pieces_expected = next_group_pieces_;
      next_group_pieces_ = limits_.group_pieces_max;
      planned_ += group->pieces_expected;
      ++planning_;
      is_scanning_ = true;
      groups_.push_back(group);
      group->planning = pool_.submit([self = shared_from_this(), group = group.get()] {
        self->run_until_stopped([&] { self->add_group_there(*group); });
        self->pump();
      });
    }
  }

  // Near: scans and plans one piece on the calling thread.
  Status add_group_here() {
    DREAMDB_ASSIGN(Buffer anchors, scan_.next(limits_.piece_rows));
    const bool at_end = anchors.empty();
    std::deque<std::shared_ptr<Piece>> pieces;
    if (!at_end) DREAMDB_TRY(cut(std::move(anchors), pieces));
    const std::lock_guard lock(mutex_);
    if (at_end) {
      scan_done_ = true;
      return {};
    }
    auto group = std::make_shared<Group>();
    group->is_planned = true;
    planned_ += pieces.size();
    group->pieces = std::move(pieces);
    groups_.push_back(std::move(group));
    return {};
  }

  // Far: the scan of a group, then, while the next one may be scanned, its plan.
  void add_group_there(Group& group) {
    auto anchors = stopped_ ? Result<Buffer>(Buffer())
                            : scan_.next(limits_.piece_rows * group.pieces_expected);
    {
      const std::lock_guard lock(mutex_);
      is_scanning_ = false;
      if (!anchors || anchors->empty()) scan_done_ = true;
    }
    std::deque<std::shared_ptr<Piece>> pieces;
    Status status;
    if (!anchors) {
      status = std::unexpected(std::move(anchors).error());
    } else if (!anchors->empty()) {
      pump();
      status = plan_group(*anchors, pieces);
    }
    const std::lock_guard lock(mutex_);
    planned_ -= group.pieces_expected;
    planned_ += pieces.size();
    --planning_;
    group.status = std::move(status);
    group.pieces = std::move(pieces);
    group.is_planned = true;
  }

  // One plan for the whole group fetches all pages, footers and lists in one wave each; those of
  // the pieces then find them in the cache.
  Status plan_group(const Buffer& anchors, std::deque<std::shared_ptr<Piece>>& pieces) {
    std::optional<RowPlan> held;
    if (anchors.size() / 8 > limits_.piece_rows) {
      DREAMDB_ASSIGN(held, reader_.plan(anchors, all_fields()));
    }
    for (size_t at = 0; at < anchors.size(); at += limits_.piece_rows * 8)
      DREAMDB_TRY(
          cut(anchors.slice(at, std::min(anchors.size() - at, limits_.piece_rows * 8)), pieces));
    return {};
  }

  // Rows are cut between batches where that is wanted.
  size_t unit() const { return std::min(options_.batch_rows, limits_.piece_rows); }

  // Of more than a unit of rows: about half, in whole units.
  size_t first_half(size_t rows) const {
    const size_t half = (rows / 2 + unit() - 1) / unit() * unit();
    return half < rows ? half : rows - unit();
  }

  // Makes a piece of the anchors; several where their rows are larger than the average.
  Status cut(Buffer anchors, std::deque<std::shared_ptr<Piece>>& pieces) const {
    if (options_.filter) {
      pieces.push_back(make_piece(std::move(anchors), false));
      return {};
    }
    return cut_tested(std::move(anchors), pieces);
  }

  std::shared_ptr<Piece> make_piece(Buffer anchors, bool is_tested) const {
    auto piece = std::make_shared<Piece>();
    piece->anchors = std::move(anchors);
    piece->is_tested = is_tested;
    piece->bytes = limits_.piece_bytes;
    return piece;
  }

  Status cut_tested(Buffer anchors, std::deque<std::shared_ptr<Piece>>& pieces) const {
    std::vector<Buffer> left = {std::move(anchors)};
    while (!left.empty()) {
      auto piece = make_piece(std::move(left.back()), true);
      left.pop_back();
      DREAMDB_ASSIGN(piece->plan, reader_.plan(piece->anchors, options_.fields));
      piece->bytes = piece->plan->bytes;
      const size_t rows = piece->anchors.size() / 8;
      if (piece->bytes > kPlannedSizesMax * limits_.piece_bytes && rows > unit()) {
        const size_t keep = first_half(rows);
        left.push_back(piece->anchors.slice(keep * 8, piece->anchors.size() - keep * 8));
        left.push_back(piece->anchors.slice(0, keep * 8));
        continue;
      }
      pieces.push_back(std::move(piece));
    }
    return {};
  }

  // The records of a piece that the filter keeps, with the chosen columns.
  Result<Batch> read(Piece& piece) const {
    if (piece.is_tested) {
      if (!piece.plan) {
        DREAMDB_ASSIGN(piece.plan, reader_.plan(piece.anchors, options_.fields));
      }
      return fetch(piece, *std::move(piece.plan));
    }
    DREAMDB_ASSIGN(RowPlan of_filter, reader_.plan(piece.anchors, options_.filter_fields));
    DREAMDB_ASSIGN(const Batch tested,
                   fetch_some(piece, std::move(of_filter), options_.filter_fields));
    DREAMDB_ASSIGN(const std::vector<uint8_t> keep, options_.filter->evaluate(tested));
    Batch bare;
    bare.anchors_bytes = tested.anchors_bytes;
    const Batch kept = pick_where(bare, [&](size_t i) { return keep[i] != 0; });
    std::deque<std::shared_ptr<Piece>> parts;
    DREAMDB_TRY(cut_tested(kept.anchors_bytes, parts));
    piece.rest.insert(piece.rest.begin(), parts.begin() + 1, parts.end());
    piece.is_tested = true;
    return fetch(piece, *std::move(parts.front()->plan));
  }

  // What is planned, or as many of the first records as are not too much for one piece; the others
  // become pieces of their own.
  Result<Batch> fetch_some(Piece& piece, RowPlan plan, std::span<const Field* const> fields) const {
    for (;;) {
      const size_t rows = plan.anchor_span().size();
      const bool can_cut = rows > unit();
      if (can_cut) plan.column_bytes_max = kReadSizesMax * limits_.piece_bytes;
      if (!can_cut || plan.bytes <= kReadSizesMax * limits_.piece_bytes) {
        auto batch = reader_.fetch(plan);
        if (batch || !can_cut || batch.error().code != Code::kExhausted) return batch;
      }
      const Buffer anchors = plan.anchors;
      const size_t keep = first_half(rows);
      piece.rest.push_front(
          make_piece(anchors.slice(keep * 8, anchors.size() - keep * 8), piece.is_tested));
      DREAMDB_ASSIGN(plan, reader_.plan(anchors.slice(0, keep * 8), fields));
    }
  }

  Result<Batch> fetch(Piece& piece, RowPlan plan) const {
    DREAMDB_ASSIGN(Batch batch, fetch_some(piece, std::move(plan), options_.fields));
    if (!options_.present_only) return batch;
    return pick_where(batch, [&](size_t row) {
      return std::any_of(batch.columns.begin(), batch.columns.end(),
                         [row](const Column& column) { return column.is_valid(row); });
    });
  }

  const std::shared_ptr<Objects> objects_;
  const RowStreamOptions options_;
  const RowReader reader_;
  const Limits limits_;
  ThreadPool& pool_;
  RecordScan scan_;  // of one thread at a time: the caller's, or that of the group being scanned

  mutable ForkSafeMutex mutex_;                // guards all below
  std::deque<std::shared_ptr<Group>> groups_;  // in the order of their anchors
  size_t planned_ = 0;                         // pieces planned or being planned, not started
  size_t started_ = 0;                         // pieces started, not taken
  uint64_t bytes_started_ = 0;
  size_t planning_ = 0;
  size_t next_group_pieces_ = 1;  // the first batch waits for one piece only
  bool is_scanning_ = false;
  bool scan_done_ = false;
  std::atomic<bool> stopped_ = false;
  std::atomic<std::thread::id> reader_thread_;
};

ReadAhead::ReadAhead(std::shared_ptr<Objects> objects, const ManifestPtr& manifest,
                     RowStreamOptions options)
    : queue_(std::make_shared<Queue>(std::move(objects), manifest, std::move(options))) {}

ReadAhead::~ReadAhead() { queue_->stop(); }

Status ReadAhead::top_up() { return queue_->top_up(); }

Result<std::optional<Batch>> ReadAhead::next() { return queue_->next(); }

}  // namespace dreamdb
