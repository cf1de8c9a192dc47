#include <cstring>

#include "runtime/thread_pool.h"
#include "track/assemble.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

class MatrixAssembler final : public Assembler, public ExtentTaker {
 public:
  MatrixAssembler(const Field& field, size_t rows, const TrackMatch* match,
                  std::span<const uint32_t> places, Cache* kept)
      : field_(field), rows_(rows), match_(match), places_(places), kept_(kept) {}

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
      if (kept_ == nullptr) {
        want_rows(fetch, match.segment, match.runs);
      } else {
        want_rows(fetch, match.segment, copy_kept(match));
      }
    }
    return {};
  }

  Status more(BlockFetch&) override { return {}; }

  void take(size_t id, std::span<const std::byte> bytes) override {
    const ExtentPieces& extent = extents_[id - extents_.front().id];
    for (size_t p = extent.begin; p < extent.end; ++p) {
      const Piece& piece = pieces_[p];
      copy(piece.run, bytes.data() + piece.place);
      if (kept_ != nullptr) keep(extent.segment, piece.run, bytes.data() + piece.place);
    }
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
    const Segment& segment;
    size_t begin, end;  // in pieces_
  };

  // All rows stand together in one segment: handed out where they are.
  bool is_in_place() const {
    return runs_ == 1 && filled_ == rows_ && places_.empty() && kept_ == nullptr;
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

  static CacheKey key_of(const Segment& segment, uint64_t row) {
    return {segment.address, Part::kMatrixRow, row};
  }

  // Copies the rows that are kept; those that are not.
  std::vector<MatchRun> copy_kept(const SegmentMatch& match) {
    std::vector<MatchRun> missing;
    for (const MatchRun& run : match.runs)
      for (uint32_t k = 0; k < run.len; ++k) {
        const MatchRun row{run.pos + k, run.row + k, 1};
        const auto kept = kept_->find<Buffer>(key_of(match.segment->segment, row.row));
        if (kept != nullptr) {
          copy(row, kept->data());
        } else {
          missing.push_back(row);
        }
      }
    return missing;
  }

  // On any thread.
  void keep(const Segment& segment, const MatchRun& run, const std::byte* from) {
    const uint64_t row_bytes = segment.row_bytes;
    for (uint32_t k = 0; k < run.len; ++k) {
      const std::span<const std::byte> row(from + k * row_bytes, row_bytes);
      kept_->add<Buffer>(key_of(segment, run.row + k),
                         std::make_shared<const Buffer>(Buffer::copy_of(row)), row_bytes);
    }
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
      extents_.push_back({id, segment, pieces_.size(), pieces_.size() + to - from});
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
  Cache* const kept_;
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
                                           std::span<const uint32_t> places, Cache* kept) {
  return std::make_unique<MatrixAssembler>(field, rows, match, places, kept);
}

}  // namespace dreamdb
