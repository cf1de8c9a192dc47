#include "index/row_feed.h"

#include <algorithm>
#include <random>

#include "dreamdb/interrupt.h"
#include "track/row_reader.h"

namespace dreamdb {

namespace {

constexpr size_t kSegmentsAtOnce = 64;
constexpr uint64_t kWaveBytes = 64ull << 20;
constexpr uint64_t kPieceBytes = 2ull << 20;  // worked on by one thread

class Feed {
 public:
  Feed(Objects& objects, const Field& field, const RowChoice& choice,
       const std::function<Status(std::span<const RowPiece>)>& use)
      : objects_(objects), field_(field), choice_(choice), use_(use), random_(choice.seed) {}

  Status read(std::span<const EntryPtr> entries) {
    DREAMDB_ASSIGN(const auto segments, objects_.segments(entries));
    std::vector<Buffer> lists(entries.size());
    if (choice_.has_anchors) {
      DREAMDB_ASSIGN(lists, anchor_lists(objects_, segments));
    }
    for (size_t i = 0; i < entries.size(); ++i) {
      DREAMDB_TRY(check_matrix(segments[i]->segment, field_));
      DREAMDB_TRY(read_segment(entries[i], segments[i], lists[i]));
    }
    return fetch();
  }

 private:
  struct Asked {
    EntryPtr entry;
    Buffer anchors;  // of the segment
  };

  Status read_segment(const EntryPtr& entry, const SegmentPtr& segment, const Buffer& anchors) {
    const Run& run = segment->segment.data;
    bool is_next = false;  // to the block before
    for (size_t block = 0; block < run.blocks(); ++block) {
      if (std::generate_canonical<double, 32>(random_) >= choice_.part) {
        is_next = false;
        continue;
      }
      if (is_next && extents_.back().size() + run.sizes[block] <= kPieceBytes) {
        ++extents_.back().block_count;
      } else {
        extents_.push_back({segment, &run, block, 1});
        asked_.push_back({entry, anchors});
      }
      is_next = true;
      bytes_ += run.sizes[block];
      if (bytes_ < kWaveBytes) continue;
      DREAMDB_TRY(fetch());
      is_next = false;
    }
    return {};
  }

  Status fetch() {
    DREAMDB_TRY(check_interrupt());
    DREAMDB_ASSIGN(const auto blocks, objects_.extents(extents_));
    std::vector<RowPiece> pieces;
    for (size_t i = 0; i < blocks.size(); ++i) {
      RowPiece piece{asked_[i].entry, {}, blocks[i].span()};
      if (choice_.has_anchors) {
        const auto* const all = reinterpret_cast<const uint64_t*>(asked_[i].anchors.data());
        piece.anchors = {all + extents_[i].first_block * extents_[i].run->per,
                         piece.values.size() / field_.row_bytes()};
      }
      pieces.push_back(piece);
    }
    extents_.clear();
    bytes_ = 0;
    const Status used = pieces.empty() ? Status() : use_(pieces);
    asked_.clear();
    return used;
  }

  Objects& objects_;
  const Field& field_;
  const RowChoice& choice_;
  const std::function<Status(std::span<const RowPiece>)>& use_;
  std::mt19937_64 random_;
  std::vector<Extent> extents_;
  std::vector<Asked> asked_;  // one for each of them
  uint64_t bytes_ = 0;
};

}  // namespace

Status feed_rows(Objects& objects, const Field& field, std::span<const EntryPtr> entries,
                 const RowChoice& choice,
                 const std::function<Status(std::span<const RowPiece>)>& use) {
  Feed feed(objects, field, choice, use);
  for (size_t first = 0; first < entries.size(); first += kSegmentsAtOnce)
    DREAMDB_TRY(
        feed.read(entries.subspan(first, std::min(kSegmentsAtOnce, entries.size() - first))));
  return {};
}

}  // namespace dreamdb
