#include "upkeep/code_merge.h"

#include <algorithm>

#include "codec/bits.h"
#include "format/segment_runs.h"
#include "runtime/interrupt.h"

namespace dreamdb {

namespace {

constexpr uint64_t kHeldBytes = 128ull << 20;  // of codes whose levels are unpacked

// Rows [begin, end) of an input, those of one cell.
struct Slice {
  size_t input = 0;
  uint32_t cell = 0;
  uint64_t begin = 0, end = 0;
};

// Where a code is held.
struct CodeRef {
  uint32_t cell = 0;
  uint64_t anchor = 0;
  uint64_t seq = 0;
  size_t row = 0;
};

// Codes in the order in which they are read.
struct HeldCodes {
  std::vector<CodeRef> refs;
  std::vector<uint64_t> bits;  // [rows, D / 64]
  std::vector<float> add, scale, error;
  std::vector<uint8_t> levels;  // [rows, D] when there is more than one bit
  std::vector<float> extra_add, extra_scale, extra_error;
};

template <typename T>
void append(std::vector<T>& to, std::span<const T> from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Rows of `width` values in the order of `refs`.
template <typename T>
std::vector<T> reorder(const std::vector<T>& from, std::span<const CodeRef> refs, size_t width) {
  std::vector<T> out;
  out.reserve(refs.size() * width);
  for (const CodeRef& ref : refs) append(out, std::span(from).subspan(ref.row * width, width));
  return out;
}

class CodeMerge {
 public:
  CodeMerge(Objects& objects, const Field& field, const Address& spatial, const CompactPiece& piece,
            std::span<const uint64_t> dead, const Nonce& nonce, const RowsDone& done)
      : objects_(objects),
        field_(field),
        spatial_(spatial),
        piece_(piece),
        dead_(dead),
        nonce_(nonce),
        done_(done) {}

  Result<std::vector<Entry>> run(const TrackRules& rules) {
    DREAMDB_TRY(open());
    const uint64_t share = (piece_.rows + piece_.segments - 1) / piece_.segments;
    const uint64_t rows_max =
        std::max<uint64_t>(1, std::min({share, rules.rows_max, kHeldBytes / held_row_bytes()}));
    std::vector<Slice> slices;
    uint64_t rows = 0;
    for (Slice slice; next(slice);) {
      while (slice.begin < slice.end) {
        Slice part = slice;
        part.end = std::min(slice.end, slice.begin + rows_max - rows);
        rows += part.end - part.begin;
        slice.begin = part.end;
        slices.push_back(part);
        if (rows < rows_max) continue;
        DREAMDB_TRY(flush(slices));
        slices.clear();
        rows = 0;
      }
    }
    if (!slices.empty()) DREAMDB_TRY(flush(slices));
    return std::move(entries_);
  }

 private:
  Status open() {
    DREAMDB_ASSIGN(inputs_, objects_.segments(piece_.inputs, SegmentUse::kCodes));
    for (const SegmentPtr& input : inputs_) {
      const Segment& segment = input->segment;
      if (segment.field != field_.id || segment.codes->spatial != spatial_ ||
          segment.codes->dim != inputs_[0]->segment.codes->dim ||
          segment.codes->bits != inputs_[0]->segment.codes->bits)
        return fail(Code::kCorruption, segment_key(segment.address) +
                                           ": has codes of another index than the version that "
                                           "names it (S12.9)");
    }
    at_.assign(inputs_.size(), 0);
    dim_ = code_dim(inputs_[0]->segment.codes->dim);
    width_ = inputs_[0]->segment.codes->bits - 1;
    return {};
  }

  uint64_t held_row_bytes() const {
    return sizeof(CodeRef) + code_row_bytes(dim_) + (width_ > 0 ? dim_ + 12 : 0);
  }

  // The next rows of the least cell that is left, one input after the other.
  bool next(Slice& slice) {
    size_t least = inputs_.size();
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const std::vector<uint32_t>& cells = inputs_[i]->segment.codes->cells;
      if (at_[i] == cells.size()) continue;
      if (least == inputs_.size() ||
          cells[at_[i]] < inputs_[least]->segment.codes->cells[at_[least]])
        least = i;
    }
    if (least == inputs_.size()) return false;
    const CodeParts& codes = *inputs_[least]->segment.codes;
    const size_t at = at_[least]++;
    slice = {least, codes.cells[at], at == 0 ? 0 : codes.ends[at - 1], codes.ends[at]};
    return true;
  }

  Status flush(std::span<const Slice> slices) {
    DREAMDB_TRY(check_interrupt());
    DREAMDB_TRY(done_(rows_done_));
    HeldCodes held;
    std::vector<std::vector<Slice>> of_input(inputs_.size());
    for (const Slice& slice : slices) {
      of_input[slice.input].push_back(slice);
      rows_done_ += slice.end - slice.begin;
    }
    DREAMDB_TRY(read_codes(of_input, held));
    if (width_ > 0) DREAMDB_TRY(read_levels(of_input, held));
    keep_newest(held.refs);
    return held.refs.empty() ? Status() : put(held);
  }

  // The blocks of `run` that hold rows of each input, decoded, and use(input, rows, block) for
  // them.
  template <typename RunOf, typename Decode, typename Use>
  Status read_blocks(const std::vector<std::vector<Slice>>& of_input, const RunOf& run_of,
                     const Decode& decode, const Use& use) {
    std::vector<Extent> extents;
    std::vector<size_t> input_of;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (of_input[i].empty()) continue;
      const Run& run = run_of(*inputs_[i]->segment.codes);
      const size_t first = of_input[i].front().begin / run.per;
      const size_t last = (of_input[i].back().end - 1) / run.per;
      extents.push_back({inputs_[i], &run, first, last - first + 1});
      input_of.push_back(i);
    }
    DREAMDB_ASSIGN(const auto stored, objects_.extents(extents));
    for (size_t e = 0; e < extents.size(); ++e) {
      const Extent& extent = extents[e];
      const Segment& segment = extent.segment->segment;
      for (size_t b = extent.first_block; b < extent.first_block + extent.block_count; ++b) {
        const Buffer block =
            stored[e].slice(extent.run->starts[b] - extent.offset(), extent.run->sizes[b]);
        DREAMDB_ASSIGN(const Buffer raw, decode(segment, b, block));
        const uint64_t begin = b * extent.run->per, end = begin + extent.run->block_items(b);
        for (const Slice& slice : of_input[input_of[e]]) {
          const uint64_t from = std::max(slice.begin, begin), to = std::min(slice.end, end);
          if (from < to) use(slice, segment, b, raw, from - begin, to - from);
        }
      }
    }
    return {};
  }

  Status read_codes(const std::vector<std::vector<Slice>>& of_input, HeldCodes& held) {
    const auto use = [&](const Slice& slice, const Segment& segment, size_t block,
                         const Buffer& raw, size_t first, size_t count) {
      const CodeBlock view = view_codes(segment, block, raw);
      const uint64_t seq = piece_.inputs[slice.input]->seq;
      for (size_t i = first; i < first + count; ++i)
        held.refs.push_back({slice.cell, view.anchors[i], seq, held.refs.size()});
      append(held.bits, view.bits.subspan(first * dim_ / 64, count * dim_ / 64));
      append(held.add, view.add.subspan(first, count));
      append(held.scale, view.scale.subspan(first, count));
      append(held.error, view.error.subspan(first, count));
    };
    return read_blocks(
        of_input, [](const CodeParts& parts) -> const Run& { return parts.codes; }, decode_codes,
        use);
  }

  Status read_levels(const std::vector<std::vector<Slice>>& of_input, HeldCodes& held) {
    size_t row = 0;
    std::vector<uint64_t> low(dim_);
    const auto use = [&](const Slice&, const Segment& segment, size_t block, const Buffer& raw,
                         size_t first, size_t count) {
      const ExtraBlock view = view_extra(segment, block, raw);
      const size_t row_bytes = dim_ / 8 * width_;
      for (size_t i = first; i < first + count; ++i, ++row) {
        unpack_bits(view.levels.subspan(i * row_bytes, row_bytes), width_, low);
        for (size_t j = 0; j < dim_; ++j) {
          const uint64_t high = held.bits[row * dim_ / 64 + j / 64] >> (j % 64) & 1;
          held.levels.push_back(static_cast<uint8_t>(high << width_ | low[j]));
        }
      }
      append(held.extra_add, view.add.subspan(first, count));
      append(held.extra_scale, view.scale.subspan(first, count));
      append(held.extra_error, view.error.subspan(first, count));
    };
    return read_blocks(
        of_input, [](const CodeParts& parts) -> const Run& { return *parts.extra; }, decode_extra,
        use);
  }

  // One code for each anchor, none for those that are left out, in the order of (cell, anchor).
  void keep_newest(std::vector<CodeRef>& refs) const {
    std::erase_if(
        refs, [&](const CodeRef& ref) { return std::ranges::binary_search(dead_, ref.anchor); });
    std::ranges::sort(refs, [](const CodeRef& a, const CodeRef& b) {
      return a.anchor != b.anchor ? a.anchor < b.anchor : a.seq > b.seq;
    });
    const auto repeated = std::ranges::unique(refs, {}, &CodeRef::anchor);
    refs.erase(repeated.begin(), repeated.end());
    std::ranges::sort(refs, {}, [](const CodeRef& ref) { return std::pair(ref.cell, ref.anchor); });
  }

  Status put(const HeldCodes& held) {
    std::vector<uint32_t> cells;
    std::vector<uint64_t> anchors;
    for (const CodeRef& ref : held.refs) {
      cells.push_back(ref.cell);
      anchors.push_back(ref.anchor);
    }
    const auto factor = [&](const std::vector<float>& of) { return reorder(of, held.refs, 1); };
    const auto bits = reorder(held.bits, held.refs, dim_ / 64);
    const auto add = factor(held.add), scale = factor(held.scale), error = factor(held.error);
    CodeRows rows{cells, anchors, bits, add, scale, error, {}, {}, {}, {}};
    std::vector<uint8_t> levels;
    std::vector<float> extra_add, extra_scale, extra_error;
    if (width_ > 0) {
      rows.levels = levels = reorder(held.levels, held.refs, dim_);
      rows.extra_add = extra_add = factor(held.extra_add);
      rows.extra_scale = extra_scale = factor(held.extra_scale);
      rows.extra_error = extra_error = factor(held.extra_error);
    }
    DREAMDB_ASSIGN(BuiltSegment built,
                   build_code_segment(nonce_, field_.id, spatial_, inputs_[0]->segment.codes->dim,
                                      width_ + 1, rows));
    built.entry.records = built.entry.rows;
    const PutRequest put[] = {{segment_key(built.entry.child), std::move(built.object)}};
    DREAMDB_TRY(objects_.put(put));
    entries_.push_back(std::move(built.entry));
    return {};
  }

  Objects& objects_;
  const Field& field_;
  const Address& spatial_;
  const CompactPiece& piece_;
  const std::span<const uint64_t> dead_;
  const Nonce& nonce_;
  const RowsDone& done_;
  std::vector<SegmentPtr> inputs_;
  std::vector<size_t> at_;  // of each input: the next of its cells
  size_t dim_ = 0;          // padded
  unsigned width_ = 0;      // bits of a level behind the first
  uint64_t rows_done_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace

Result<std::vector<Entry>> merge_codes(Objects& objects, const Field& field, const Address& spatial,
                                       const CompactPiece& piece, const TrackRules& rules,
                                       std::span<const uint64_t> dead, const Nonce& nonce,
                                       const RowsDone& done) {
  return CodeMerge(objects, field, spatial, piece, dead, nonce, done).run(rules);
}

}  // namespace dreamdb
