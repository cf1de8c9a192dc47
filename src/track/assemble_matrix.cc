#include <algorithm>
#include <cstring>

#include "runtime/thread_pool.h"
#include "track/assemble.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

// Of shorter rows tags would take more than a thirtieth of the memory.
constexpr uint64_t kTaggedRowBytesMin = 512;
constexpr uint64_t kKeptPart = 8;  // of a cache: a read of more keeps nothing there
constexpr uint64_t kKeptTagsBytes = 200;

class MatrixAssembler final : public Assembler, public ExtentTaker {
 public:
  MatrixAssembler(const Field& field, size_t rows, const TrackMatch* match,
                  std::span<const uint32_t> places, Objects* keeper)
      : field_(field), rows_(rows), match_(match), places_(places), keeper_(keeper) {}

  Status begin(BlockFetch& fetch) override {
    if (match_ == nullptr) return {};
    for (const SegmentMatch& match : match_->segments) {
      const Segment& segment = match.segment->segment;
      DREAMDB_TRY(check_matrix(segment, field_));
      for (const MatchRun& run : match.runs) {
        filled_ += run.len;
        ++runs_;
      }
    }
    if (!is_in_place()) make_values();
    for (const SegmentMatch& match : match_->segments) {
      if (match.segment->segment.row_bytes == 0) continue;
      if (!keeps_rows_of(*match.segment)) {
        want_rows(fetch, match.segment, match.runs);
      } else {
        want_rows(fetch, match.segment, want_parts(fetch, match.segment, copy_kept(match)));
      }
    }
    return {};
  }

  Status more(BlockFetch&) override { return {}; }

  void take(size_t id, std::span<const std::byte> bytes) override {
    const ExtentPieces& extent = extents_[id - extents_.front().id];
    const bool keeps = keeps_rows_of(extent.loaded);
    const bool keeps_values = keeps && keeps_values_now();
    for (size_t p = extent.begin; p < extent.end; ++p) {
      const Piece& piece = pieces_[p];
      copy(piece.run, bytes.data() + piece.place);
      if (keeps_values) keep(extent.loaded, piece.run, bytes.data() + piece.place);
    }
    if (keeps) keep_tags(extent, bytes);
  }

  Result<Column> finish(const BlockFetch& fetch) override {
    const uint64_t row_bytes = field_.row_bytes();
    Column out = empty_column(field_, 0);
    if (is_in_place() && !pieces_.empty()) {
      out.values = fetch.bytes(extents_[0].id).slice(pieces_[0].place, rows_ * row_bytes);
      return out;
    }
    if (values_.size() == 0) make_values();
    if (filled_ < rows_) out.valid = valid_rows();
    parallel_ranges(extents_.size(), values_.size(), [&](size_t begin, size_t end) {
      for (size_t e = begin; e < end; ++e)
        if (!fetch.is_taken(extents_[e].id))
          take(extents_[e].id, fetch.bytes(extents_[e].id).span());
    });
    out.values = std::move(values_).freeze();
    return out;
  }

 private:
  struct Piece {
    MatchRun run;
    uint64_t place;  // of its first row in the extent
  };
  struct ExtentPieces {
    size_t id;
    const LoadedSegment& loaded;
    size_t begin, end;                        // in pieces_
    size_t first_block = 0, block_count = 0;  // none: a part of a block
  };

  // What is held whole needs no keeping.
  bool keeps_rows_of(const LoadedSegment& loaded) const {
    return keeper_ != nullptr && loaded.whole.empty();
  }

  bool keeps_values_now() const {
    return rows_ * field_.row_bytes() <= keeper_->caches().row_room_bytes() / kKeptPart;
  }

  // As many blocks as rows, at most. Tags of more would push out what every read needs.
  bool keeps_tags_now(const Run& data) const {
    return rows_ * (data.per * sizeof(MemoryTag) + kKeptTagsBytes) <=
           keeper_->caches().small_bytes() / kKeptPart;
  }

  // All rows stand together in one segment: handed out where they are.
  bool is_in_place() const {
    return runs_ == 1 && filled_ == rows_ && places_.empty() && keeper_ == nullptr;
  }

  void make_values() {
    values_ = MutableBuffer(rows_ * field_.row_bytes());
    if (filled_ < rows_ && values_.size() > 0) std::memset(values_.data(), 0, values_.size());
  }

  void copy(const MatchRun& run, const std::byte* from) {
    const uint64_t row_bytes = field_.row_bytes();
    if (places_.empty()) {
      std::memcpy(values_.data() + run.pos * row_bytes, from, run.len * row_bytes);
      return;
    }
    for (uint32_t k = 0; k < run.len; ++k)
      std::memcpy(values_.data() + places_[run.pos + k] * row_bytes, from + k * row_bytes,
                  row_bytes);
  }

  // Copies the rows that are kept; those that are not.
  std::vector<MatchRun> copy_kept(const SegmentMatch& match) {
    std::vector<MatchRun> left;
    const uint64_t row_bytes = match.segment->segment.row_bytes;
    for (const MatchRun& run : match.runs)
      for (uint32_t k = 0; k < run.len; ++k) {
        const size_t place = places_.empty() ? run.pos + k : places_[run.pos + k];
        const auto to = values_.span().subspan(place * row_bytes, row_bytes);
        if (!keeper_->caches().copy_row(match.segment->number, run.row + k, to))
          left.push_back({run.pos + k, run.row + k, 1});
      }
    return left;
  }

  // On any thread.
  void keep(const LoadedSegment& loaded, const MatchRun& run, const std::byte* from) {
    const uint64_t row_bytes = loaded.segment.row_bytes;
    for (uint32_t k = 0; k < run.len; ++k)
      keeper_->caches().keep_row(loaded.number, run.row + k, {from + k * row_bytes, row_bytes});
  }

  using RowTags = std::vector<MemoryTag>;  // of the rows of a block
  static CacheKey tags_key(const Segment& segment, size_t block) {
    return {segment.address, Part::kRowTags, block};
  }

  // On any thread. So that a row of a block that was read once is read alone the next time.
  void keep_tags(const ExtentPieces& extent, std::span<const std::byte> bytes) {
    const Segment& segment = extent.loaded.segment;
    const uint64_t row_bytes = segment.row_bytes;
    const Run& data = segment.data;
    if (data.per == 1 || row_bytes < kTaggedRowBytesMin || !keeps_tags_now(data)) return;
    for (size_t b = 0; b < extent.block_count; ++b) {
      const size_t block = extent.first_block + b;
      const uint64_t from = data.starts[block] - data.starts[extent.first_block];
      RowTags tags;
      tags.reserve(data.sizes[block] / row_bytes);
      for (uint64_t at = 0; at < data.sizes[block]; at += row_bytes)
        tags.push_back(keeper_->tags().of(bytes.subspan(from + at, row_bytes)));
      const uint64_t memory = tags.size() * sizeof(MemoryTag);
      keeper_->caches().keep<RowTags>(tags_key(segment, block),
                                      std::make_shared<const RowTags>(std::move(tags)), memory);
    }
  }

  // Asks for each row alone whose tag is kept, unless most of its block is wanted; those that are
  // left. rows: of one row each.
  std::vector<MatchRun> want_parts(BlockFetch& fetch, const SegmentPtr& loaded,
                                   std::span<const MatchRun> rows) {
    const Segment& segment = loaded->segment;
    const Run& data = segment.data;
    std::shared_ptr<const RowTags> tags;
    size_t last_block = data.blocks();
    const auto wanted_in = [&](size_t block) {
      const auto from = std::ranges::lower_bound(rows, block * data.per, {}, &MatchRun::row);
      return std::ranges::lower_bound(from, rows.end(), (block + 1) * data.per, {},
                                      &MatchRun::row) -
             from;
    };
    std::vector<MatchRun> left;
    for (const MatchRun& row : rows) {
      const size_t block = row.row / data.per;
      if (block != last_block) {
        const bool is_dense = 2 * static_cast<uint64_t>(wanted_in(block)) > data.per;
        tags = is_dense ? nullptr : keeper_->caches().find<RowTags>(tags_key(segment, block));
      }
      last_block = block;
      if (tags == nullptr) {
        left.push_back(row);
        continue;
      }
      const Extent::Part part{data.at + row.row * segment.row_bytes, segment.row_bytes,
                              (*tags)[row.row % data.per]};
      const size_t id = fetch.want_part(loaded, data, block, part, this);
      extents_.push_back({id, *loaded, pieces_.size(), pieces_.size() + 1});
      pieces_.push_back({row, 0});
    }
    return left;
  }

  // Asks for the blocks of a segment's runs; blocks that touch become one extent.
  void want_rows(BlockFetch& fetch, const SegmentPtr& loaded, std::span<const MatchRun> runs) {
    const Segment& segment = loaded->segment;
    const Run& data = segment.data;
    size_t from = 0;
    while (from < runs.size()) {
      const size_t first = runs[from].row / data.per;
      size_t last = (runs[from].row + runs[from].len - 1) / data.per;
      size_t to = from + 1;
      while (to < runs.size() && runs[to].row / data.per <= last + 1) {
        last = (runs[to].row + runs[to].len - 1) / data.per;
        ++to;
      }
      const size_t id =
          fetch.want(loaded, data, first, last - first + 1, is_in_place() ? nullptr : this);
      const uint64_t offset = fetch.extent(id).offset();
      extents_.push_back(
          {id, *loaded, pieces_.size(), pieces_.size() + to - from, first, last - first + 1});
      for (; from < to; ++from)
        pieces_.push_back({runs[from], data.at + runs[from].row * segment.row_bytes - offset});
    }
  }

  Buffer valid_rows() const {
    Bitmap valid(rows_);
    if (match_ != nullptr)
      for (const SegmentMatch& match : match_->segments)
        for (const MatchRun& run : match.runs)
          for (uint32_t pos = run.pos; pos < run.pos + run.len; ++pos)
            valid.set(places_.empty() ? pos : places_[pos]);
    return std::move(valid).finish();
  }

  const Field& field_;
  const size_t rows_;
  const TrackMatch* match_;
  const std::span<const uint32_t> places_;
  Objects* const keeper_;
  size_t filled_ = 0, runs_ = 0;
  std::vector<Piece> pieces_;
  std::vector<ExtentPieces> extents_;  // one after the other
  MutableBuffer values_;
};

}  // namespace

Status check_matrix(const Segment& segment, const Field& field) {
  if (segment.type == SegmentType::kMatrix && segment.field == field.id &&
      segment.dtype == field.dtype && segment.shape == field.shape)
    return {};
  return fail(Code::kCorruption, segment_key(segment.address) + ": is not a matrix of field `" +
                                     field.name + "` as the schema describes it (S7.8)");
}

std::unique_ptr<Assembler> assemble_matrix(const Field& field, size_t rows, const TrackMatch* match,
                                           std::span<const uint32_t> places, Objects* keeper) {
  return std::make_unique<MatrixAssembler>(field, rows, match, places, keeper);
}

}  // namespace dreamdb
