#include "index/track_scan.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "dreamdb/interrupt.h"
#include "runtime/thread_pool.h"
#include "track/row_reader.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

constexpr uint64_t kPieceBytes = 8ull << 20;
// Footers and anchor lists fetched in one wave, and how many of their rows are scanned with no
// further wait; a far store takes as long for one as for many.
constexpr size_t kSegmentsAtOnce = 16;
constexpr size_t kFarSegmentsAtOnce = 512;
constexpr uint64_t kFarBytesAtOnce = 1ull << 30;
// Smaller where time is the limit, so that those being fetched together are not too many bytes:
// kFarPieces of them.
constexpr uint64_t kFarPieceBytes = 2ull << 20;
constexpr size_t kFarPieces = 32;

// Blocks [first_block, first_block + block_count) of one segment's matrix.
struct Piece {
  SegmentPtr segment;
  const uint64_t* anchors;           // of the segment
  const std::vector<uint8_t>* keep;  // of the segment; empty: all rows
  size_t first_block;
  size_t block_count;
};

class TrackScan {
 public:
  TrackScan(Objects& objects, const Root& root, const Field& field, const QuerySet& queries,
            const TrackScanOptions& options)
      : objects_(objects),
        root_(root),
        field_(field),
        queries_(queries),
        filter_(options.filter),
        tombstones_(options.tombstones),
        is_far_(objects.store().is_far()) {
    best_.assign(queries.count(), TopK(options.top_k));
  }

  // next() -> Result<EntryPtr>: leaf entries in the order of the track, nullptr at the end.
  template <typename Next>
  Result<std::vector<TopK>> run(Next next) {
    std::vector<EntryPtr> wave;
    uint64_t bytes = 0;
    for (bool done = false; !done;) {
      DREAMDB_TRY(check_interrupt());
      DREAMDB_ASSIGN(EntryPtr entry, next());
      done = entry == nullptr;
      if (!done) {
        bytes += entry->size;
        wave.push_back(std::move(entry));
      }
      const bool full = is_far_ ? wave.size() == kFarSegmentsAtOnce || bytes >= kFarBytesAtOnce
                                : wave.size() == kSegmentsAtOnce;
      if (full || (done && !wave.empty())) {
        DREAMDB_TRY(scan_wave(wave));
        wave.clear();
        bytes = 0;
      }
    }
    return std::move(best_);
  }

 private:
  Status scan_wave(std::span<const EntryPtr> entries) {
    DREAMDB_ASSIGN(const auto segments, objects_.segments(entries));
    DREAMDB_ASSIGN(const auto lists, anchor_lists(objects_, segments));
    DREAMDB_ASSIGN(const auto newer, find_newer(entries));
    std::vector<std::vector<uint8_t>> keep(entries.size());
    std::vector<Piece> pieces;
    const uint64_t piece_bytes = is_far_ ? kFarPieceBytes : kPieceBytes;
    for (size_t i = 0; i < entries.size(); ++i) {
      DREAMDB_TRY(check_matrix(segments[i]->segment, field_));
      const auto* anchors = reinterpret_cast<const uint64_t*>(lists[i].data());
      DREAMDB_ASSIGN(keep[i], rows_to_keep(*entries[i], {anchors, entries[i]->rows}, newer[i]));
      const Run& data = segments[i]->segment.data;
      const uint64_t block_bytes = std::max<uint64_t>(1, data.per * segments[i]->segment.row_bytes);
      const size_t step = static_cast<size_t>(std::max<uint64_t>(1, piece_bytes / block_bytes));
      for (size_t b = 0; b < data.blocks(); b += step)
        pieces.push_back({segments[i], anchors, &keep[i], b, std::min(step, data.blocks() - b)});
    }
    std::vector<Status> failures(pieces.size());
    std::atomic<bool> stopped = false;
    const auto scan_piece = [&](size_t i) {
      if (stopped) return;
      failures[i] = check_interrupt();  // only the calling thread has somebody to ask
      if (failures[i]) failures[i] = scan(pieces[i]);
      if (!failures[i]) stopped = true;
    };
    if (is_far_) {
      std::atomic<size_t> next = 0;
      waiting_pool().parallel_for(std::min(pieces.size(), kFarPieces), [&](size_t) {
        for (size_t i; (i = next.fetch_add(1)) < pieces.size();) scan_piece(i);
      });
    } else {
      shared_pool().parallel_for(pieces.size(), scan_piece);
    }
    for (Status& status : failures) DREAMDB_TRY(std::move(status));
    return {};
  }

  // For each entry the newer ones whose anchors overlap; what telling their anchors takes is in the
  // cache afterwards, fetched in one wave for all.
  Result<std::vector<std::vector<EntryPtr>>> find_newer(std::span<const EntryPtr> entries) {
    std::vector<std::vector<EntryPtr>> out(entries.size());
    PageMap pages;
    for (std::vector<PageRef> missing;;) {
      for (size_t i = 0; i < entries.size(); ++i) {
        DREAMDB_ASSIGN(Found found, find_range(root_, entries[i]->first, entries[i]->last, pages));
        missing.insert(missing.end(), found.missing.begin(), found.missing.end());
        out[i] = std::move(found.entries);
      }
      if (missing.empty()) break;
      DREAMDB_TRY(objects_.pages(missing, pages));
      missing.clear();
    }
    std::vector<EntryPtr> uneven;
    for (size_t i = 0; i < entries.size(); ++i) {
      std::erase_if(out[i], [&](const EntryPtr& e) { return e->seq <= entries[i]->seq; });
      for (const EntryPtr& e : out[i])
        if (e->step == 0) uneven.push_back(e);
    }
    const auto by_child = [](const EntryPtr& a, const EntryPtr& b) { return a->child < b->child; };
    std::sort(uneven.begin(), uneven.end(), by_child);
    const auto same = [](const EntryPtr& a, const EntryPtr& b) { return a->child == b->child; };
    uneven.erase(std::unique(uneven.begin(), uneven.end(), same), uneven.end());
    DREAMDB_ASSIGN(const auto segments, objects_.segments(uneven));
    DREAMDB_TRY(anchor_lists(objects_, segments));
    return out;
  }

  // Rows that the filter lets through, no newer segment overrides and that are not deleted; empty:
  // all of them.
  Result<std::vector<uint8_t>> rows_to_keep(const Entry& entry, std::span<const uint64_t> anchors,
                                            std::span<const EntryPtr> over) {
    std::vector<uint8_t> keep;
    if (entry.first < filter_.first || entry.last > filter_.last || filter_.set != nullptr) {
      keep.resize(anchors.size());
      for (size_t i = 0; i < anchors.size(); ++i) keep[i] = filter_.has(anchors[i]);
    }
    DREAMDB_ASSIGN(const auto deleted, find_deleted(objects_, tombstones_, anchors));
    if (!deleted.empty()) keep.resize(anchors.size(), 1);
    for (size_t i = 0; i < deleted.size(); ++i)
      if (deleted[i]) keep[i] = 0;
    if (over.empty()) return keep;
    DREAMDB_ASSIGN(const auto newer,
                   match_entries(objects_, over, anchors, [](const Entry&) { return false; }));
    if (!newer.empty()) keep.resize(anchors.size(), 1);
    for (const SegmentMatch& match : newer)
      for (const MatchRun& run : match.runs)
        std::fill_n(keep.begin() + run.pos, run.len, uint8_t{0});
    return keep;
  }

  Status scan(const Piece& piece) {
    const Segment& segment = piece.segment->segment;
    const Extent extent{piece.segment, &segment.data, piece.first_block, piece.block_count};
    const CacheKey key{segment.address, Part::kMatrix, extent.offset()};
    std::shared_ptr<const Buffer> rows = objects_.caches().find_matrix(key);
    if (rows == nullptr) {
      DREAMDB_ASSIGN(std::vector<Buffer> fetched, objects_.extents({&extent, 1}));
      rows = std::make_shared<const Buffer>(std::move(fetched[0]));
      objects_.caches().keep_matrix(key, rows);
    }
    const size_t first = piece.first_block * segment.data.per;
    const size_t count = rows->size() / segment.row_bytes;
    std::vector<TopK> best(queries_.count(), TopK(best_[0].k()));
    // Many queries make a piece take longer; the caller wants to be asked many times a second.
    const uint64_t slices = std::clamp<uint64_t>(queries_.count() / 16, 1, 64);
    const size_t slice = static_cast<size_t>(std::max<uint64_t>(1, count / slices));
    for (size_t at = 0; at < count; at += slice) {
      DREAMDB_TRY(check_interrupt());
      scan_exact(queries_, rows->data() + at * segment.row_bytes, segment.dtype,
                 piece.anchors + first + at, std::min(slice, count - at),
                 piece.keep->empty() ? nullptr : piece.keep->data() + first + at, best);
    }
    const std::lock_guard lock(mutex_);
    for (size_t q = 0; q < best.size(); ++q) best_[q].merge(best[q]);
    return {};
  }

  Objects& objects_;
  const Root& root_;
  const Field& field_;
  const QuerySet& queries_;
  const AnchorFilter& filter_;
  const std::span<const Root* const> tombstones_;
  const bool is_far_;
  std::mutex mutex_;
  std::vector<TopK> best_;
};

}  // namespace

Result<std::vector<TopK>> scan_track(Objects& objects, const Root& root, const Field& field,
                                     const QuerySet& queries, const TrackScanOptions& options) {
  TreeCursor cursor(root, options.filter.first, options.filter.last);
  const auto next = [&] { return next_entry(objects, cursor); };
  return TrackScan(objects, root, field, queries, options).run(next);
}

Result<std::vector<TopK>> scan_entries(Objects& objects, const Root& root, const Field& field,
                                       const QuerySet& queries, const TrackScanOptions& options,
                                       std::span<const EntryPtr> entries) {
  size_t at = 0;
  const auto next = [&]() -> Result<EntryPtr> {
    while (at < entries.size() &&
           (entries[at]->last < options.filter.first || entries[at]->first > options.filter.last))
      ++at;
    return at < entries.size() ? entries[at++] : nullptr;
  };
  return TrackScan(objects, root, field, queries, options).run(next);
}

}  // namespace dreamdb
