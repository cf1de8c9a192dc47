#include <cstring>

#include "runtime/thread_pool.h"
#include "track/assemble.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

class MatrixAssembler final : public Assembler {
 public:
  MatrixAssembler(const Field& field, size_t rows, const TrackMatch* match)
      : field_(field), rows_(rows), match_(match) {}

  Status begin(BlockFetch& fetch) override {
    if (match_ == nullptr) return {};
    for (const SegmentMatch& match : match_->segments) {
      const Segment& segment = match.segment->segment;
      DREAMDB_TRY(check_matrix(segment, field_));
      if (segment.row_bytes > 0) want_rows(fetch, match);
    }
    return {};
  }

  Status more(BlockFetch&) override { return {}; }

  Result<Column> finish(const BlockFetch& fetch) override {
    const uint64_t row_bytes = field_.row_bytes();
    Column out = empty_column(field_, 0);
    if (pieces_.size() == 1 && pieces_[0].run.len == rows_) {
      // All rows stand together: handed out in place.
      out.values =
          fetch.bytes(pieces_[0].extent).slice(place(fetch, pieces_[0]), rows_ * row_bytes);
      return out;
    }
    size_t filled = 0;
    if (match_ != nullptr)
      for (const SegmentMatch& match : match_->segments)
        for (const MatchRun& run : match.runs) filled += run.len;
    MutableBuffer values(rows_ * row_bytes);
    if (filled < rows_) {
      if (values.size() > 0) std::memset(values.data(), 0, values.size());
      out.valid = valid_rows();
    }
    parallel_ranges(pieces_.size(), values.size(), [&](size_t begin, size_t end) {
      for (size_t p = begin; p < end; ++p)
        std::memcpy(values.data() + pieces_[p].run.pos * row_bytes,
                    fetch.bytes(pieces_[p].extent).data() + place(fetch, pieces_[p]),
                    pieces_[p].run.len * row_bytes);
    });
    out.values = std::move(values).freeze();
    return out;
  }

 private:
  struct Piece {
    MatchRun run;
    size_t extent;
    uint64_t row_bytes;
  };

  // Asks for the blocks of a segment's runs; blocks that touch become one extent.
  void want_rows(BlockFetch& fetch, const SegmentMatch& match) {
    const Segment& segment = match.segment->segment;
    const Run& data = segment.data;
    size_t from = 0;
    while (from < match.runs.size()) {
      const size_t first = match.runs[from].row / data.per;
      size_t last = (match.runs[from].row + match.runs[from].len - 1) / data.per;
      size_t to = from + 1;
      while (to < match.runs.size() && match.runs[to].row / data.per <= last + 1) {
        last = (match.runs[to].row + match.runs[to].len - 1) / data.per;
        ++to;
      }
      const size_t extent = fetch.want(match.segment, data, first, last - first + 1);
      for (; from < to; ++from) pieces_.push_back({match.runs[from], extent, segment.row_bytes});
    }
  }

  // Offset of a piece's first row in its extent.
  static uint64_t place(const BlockFetch& fetch, const Piece& piece) {
    const Extent& extent = fetch.extent(piece.extent);
    return extent.run->at + piece.run.row * piece.row_bytes - extent.offset();
  }

  Buffer valid_rows() const {
    Bitmap valid(rows_);
    if (match_ != nullptr)
      for (const SegmentMatch& match : match_->segments)
        for (const MatchRun& run : match.runs) valid.set_range(run.pos, run.pos + run.len);
    return std::move(valid).finish();
  }

  const Field& field_;
  const size_t rows_;
  const TrackMatch* match_;
  std::vector<Piece> pieces_;
};

}  // namespace

Status check_matrix(const Segment& segment, const Field& field) {
  if (segment.type == SegmentType::kMatrix && segment.field == field.id &&
      segment.dtype == field.dtype && segment.shape == field.shape)
    return {};
  return fail(Code::kCorruption, segment_key(segment.address) + ": is not a matrix of field `" +
                                     field.name + "` as the schema describes it (S7.8)");
}

std::unique_ptr<Assembler> assemble_matrix(const Field& field, size_t rows,
                                           const TrackMatch* match) {
  return std::make_unique<MatrixAssembler>(field, rows, match);
}

}  // namespace dreamdb
