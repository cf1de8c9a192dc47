#include "format/segment_writer.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/checked.h"

namespace dreamdb {
namespace {

// The common difference of the anchors, 1 for a single one, 0 if there is none.
uint64_t common_step(std::span<const uint64_t> anchors) {
  if (anchors.size() == 1) return 1;
  const uint64_t step = anchors[1] - anchors[0];
  for (size_t i = 2; i < anchors.size(); ++i)
    if (anchors[i] - anchors[i - 1] != step) return 0;
  return step;
}

Status check_anchors(std::span<const uint64_t> anchors) {
  if (anchors.empty()) return bad_input("no rows, expected at least one");
  if (anchors.size() > kSegmentRowsMax)
    return bad_input(std::to_string(anchors.size()) + " rows, expected at most 2^24; split them");
  for (size_t i = 1; i < anchors.size(); ++i)
    if (anchors[i - 1] >= anchors[i])
      return bad_input("anchor " + std::to_string(anchors[i]) + " of row " + std::to_string(i) +
                       " is not greater than the one before it, " + std::to_string(anchors[i - 1]) +
                       "; sort the rows");
  if (anchors.back() == UINT64_MAX)
    return bad_input("anchor 2^64-1 of row " + std::to_string(anchors.size() - 1) +
                     ", expected at most 2^64-2");
  return {};
}

RunDraft anchor_run(std::span<const uint64_t> anchors) {
  RunDraft draft = empty_run(anchors.size(), kAnchorsPerBlock);
  for (size_t at = 0; at < anchors.size(); at += kAnchorsPerBlock) {
    const auto part =
        std::as_bytes(anchors.subspan(at, std::min<size_t>(kAnchorsPerBlock, anchors.size() - at)));
    const Buffer raw(nullptr, part.data(), part.size());  // borrowed, as all of the draft
    add_block(draft, encode_block(Item::kU64, raw, false), part.size());
  }
  return draft;
}

}  // namespace

std::unexpected<Error> bad_input(std::string what) {
  return fail(Code::kInvalidArgument, "segment: " + std::move(what));
}

uint64_t RunDraft::stored_bytes() const {
  uint64_t sum = 0;
  for (const auto& block : blocks) sum += block.size();
  return sum;
}

RunDraft empty_run(uint64_t items, uint64_t per) {
  RunDraft draft;
  draft.run.items = items;
  draft.run.per = per;
  return draft;
}

RunDraft raw_run(std::span<const std::byte> bytes, uint64_t items, uint64_t per,
                 uint64_t item_bytes) {
  DREAMDB_ASSERT(bytes.size() == items * item_bytes);
  RunDraft draft = empty_run(items, per);
  const uint64_t blocks = ceil_div(items, per);
  draft.blocks.reserve(blocks);
  draft.run.sizes.reserve(blocks);
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t size = std::min(per, items - i * per) * item_bytes;
    draft.blocks.push_back(bytes.subspan(i * per * item_bytes, size));
    draft.run.sizes.push_back(static_cast<uint32_t>(size));
  }
  return draft;
}

void add_block(RunDraft& draft, Encoded block, uint64_t raw_size) {
  DREAMDB_ASSERT(raw_size <= kBlockBytesMax && block.stored.size() <= raw_size);
  draft.run.sizes.push_back(static_cast<uint32_t>(block.stored.size()));
  draft.run.raws.push_back(static_cast<uint32_t>(raw_size));
  draft.run.codecs.push_back(block.codec);
  draft.blocks.push_back(block.stored.span());
  draft.kept.push_back(std::move(block.stored));
}

Result<SegmentDraft> SegmentDraft::start(const Nonce& nonce, SegmentType type, FieldId field,
                                         std::span<const uint64_t> anchors) {
  DREAMDB_TRY(check_anchors(anchors));
  DREAMDB_ASSERT((field == kRecordTrack) == (type == SegmentType::kScalar));
  SegmentDraft draft;
  draft.first_ = anchors.front();
  draft.last_ = anchors.back();
  Segment& segment = draft.segment_;
  segment.nonce = nonce;
  segment.type = type;
  segment.field = field;
  segment.rows = anchors.size();
  segment.step = common_step(anchors);
  if (segment.step != 0) {
    segment.first = anchors.front();
  } else {
    segment.anchors = draft.add(anchor_run(anchors));
  }
  return draft;
}

SegmentDraft SegmentDraft::start_codes(const Nonce& nonce, FieldId field, CodeParts parts,
                                       std::span<const uint64_t> anchors, Stats stats) {
  SegmentDraft draft;
  const auto [least, greatest] = std::ranges::minmax(anchors);
  draft.first_ = least;
  draft.last_ = greatest;
  Segment& segment = draft.segment_;
  segment.nonce = nonce;
  segment.type = SegmentType::kCodes;
  segment.field = field;
  segment.rows = anchors.size();
  segment.step = anchors.size() == 1 ? 1 : 0;  // of the page entry
  segment.codes = std::move(parts);
  segment.stats = std::move(stats);
  return draft;
}

SegmentDraft SegmentDraft::start_spatial(const Nonce& nonce, FieldId field, SpatialParts parts) {
  SegmentDraft draft;
  Segment& segment = draft.segment_;
  segment.nonce = nonce;
  segment.type = SegmentType::kSpatial;
  segment.field = field;
  segment.spatial = std::move(parts);
  return draft;
}

Run SegmentDraft::add(RunDraft draft) {
  Run& run = draft.run;
  if (std::ranges::all_of(run.codecs, [](Codec codec) { return codec == Codec::kRaw; })) {
    run.codecs.clear();
    run.raws.clear();
  }
  if (!draft.hashed) run.hashes.resize(run.blocks());
  blocks_.push_back({std::move(draft.blocks), std::move(draft.kept), draft.hashed});
  return std::move(run);
}

void SegmentDraft::lay_out() {
  uint64_t end = kSegmentHeaderBytes;
  for (const NamedRun& named : list_runs(segment_)) {
    Run& run = const_cast<Run&>(*named.run);  // a part of segment_, which is ours to change
    run.at = align_run(end);
    compute_starts(run);
    end = run.end();
  }
  segment_.end = align_run(end);
}

void SegmentDraft::write_blocks(std::byte* object) {
  const auto fill_zero = [&](uint64_t from, uint64_t to) {
    std::memset(object + from, 0, to - from);
  };
  const std::vector<NamedRun> runs = list_runs(segment_);
  DREAMDB_ASSERT(runs.size() == blocks_.size());
  uint64_t end = kSegmentHeaderBytes;
  for (size_t r = 0; r < runs.size(); ++r) {
    Run& run = const_cast<Run&>(*runs[r].run);  // as above
    const Blocks& blocks = blocks_[r];
    DREAMDB_ASSERT(blocks.stored.size() == run.blocks());
    fill_zero(end, run.at);
    for (size_t i = 0; i < run.blocks(); ++i) {
      std::byte* const place = object + run.starts[i];
      if (run.sizes[i] != 0) std::memcpy(place, blocks.stored[i].data(), run.sizes[i]);
      if (!blocks.hashed) run.hashes[i] = blake3({place, run.sizes[i]});
    }
    end = run.end();
  }
  fill_zero(end, segment_.end);
}

Result<BuiltSegment> SegmentDraft::assemble() && {
  lay_out();
  // Hashes have a fixed length: the footer has its size before the blocks are hashed.
  const uint64_t footer_size = write_segment_footer(segment_).size();
  const uint64_t size = segment_.end + footer_size + kSegmentTrailerBytes;
  if (size > kSegmentBytesMax || footer_size > kFooterBytesMax)
    return bad_input("an object of " + std::to_string(size) + " bytes with a footer of " +
                     std::to_string(footer_size) +
                     ", expected at most 4 GiB and 16 MiB; put fewer rows into it");
  MutableBuffer object(size);
  std::byte* const bytes = object.data();
  write_segment_header(segment_.type, object.span().first<kSegmentHeaderBytes>());
  write_blocks(bytes);
  const std::vector<std::byte> footer = write_segment_footer(segment_);
  DREAMDB_ASSERT(footer.size() == footer_size);
  std::byte* const trailer = bytes + segment_.end + footer_size;
  std::memcpy(bytes + segment_.end, footer.data(), footer_size);
  std::memcpy(trailer, &footer_size, sizeof footer_size);
  std::memcpy(trailer + 8, kTrailerMagic.data(), kTrailerMagic.size());

  BuiltSegment built;
  built.object = std::move(object).freeze();
  Entry& entry = built.entry;
  entry.first = first_;
  entry.last = last_;
  entry.step = segment_.step;
  entry.rows = segment_.rows;
  entry.records = segment_.type == SegmentType::kScalar ? 0 : segment_.rows;
  entry.child = Address::of(footer);
  entry.size = size;
  entry.footer = footer_size;
  entry.bytes = size;
  entry.stats = std::move(segment_.stats);
  return built;
}

}  // namespace dreamdb
