#include "index/code_plan.h"

#include <algorithm>

#include "base/assert.h"

namespace dreamdb {

namespace {

constexpr size_t kSegmentsAtOnce = 512;  // footers in one wave

// Whether an entry of the code track may have rows of one of the cells.
bool may_have(const Entry& entry, FieldId field, std::span<const uint32_t> cells) {
  const auto found = entry.stats.find(field);
  if (found == entry.stats.end()) return true;
  const auto* first = std::get_if<int64_t>(&found->second.min);
  const auto* last = std::get_if<int64_t>(&found->second.max);
  if (first == nullptr || last == nullptr) return true;
  const auto at =
      std::ranges::lower_bound(cells, *first, {}, [](uint32_t cell) { return int64_t{cell}; });
  return at != cells.end() && *at <= *last;
}

Status check_codes(const Segment& segment, const SpatialIndex& index, FieldId field) {
  const CodeParts& codes = *segment.codes;
  if (segment.field == field && codes.spatial == index.address() &&
      codes.dim == index.parts().dim && codes.bits == index.parts().bits &&
      codes.cells.back() < index.cells())
    return {};
  return fail(Code::kCorruption, segment_key(segment.address) + ": holds codes under " +
                                     segment_key(codes.spatial) + ", where a version names " +
                                     segment_key(index.address()) +
                                     " (12.7); restore the object from a copy, or reindex");
}

void add_rows(const CodeParts& codes, uint32_t segment, std::span<const uint32_t> cells,
              CodePlan& plan) {
  // Few cells are looked up among many; many are merged.
  auto at = codes.cells.begin();
  for (const uint32_t cell : cells) {
    at = std::lower_bound(at, codes.cells.end(), cell);
    if (at == codes.cells.end()) return;
    if (*at != cell) continue;
    const auto i = static_cast<size_t>(at - codes.cells.begin());
    plan.rows.push_back({segment, cell, i == 0 ? 0 : codes.ends[i - 1], codes.ends[i]});
    plan.row_count += plan.rows.back().count();
  }
}

}  // namespace

Result<CodePlan> plan_cells(Objects& objects, const SpatialIndex& index, const Root& codes,
                            std::span<const uint32_t> cells) {
  CodePlan plan;
  const auto has_some = [&](const Entry& entry) { return may_have(entry, codes.field, cells); };
  DREAMDB_ASSIGN(const auto entries,
                 list_entries(objects, TreeCursor(codes, 0, UINT64_MAX, has_some)));
  for (size_t first = 0; first < entries.size(); first += kSegmentsAtOnce) {
    const auto wave =
        std::span(entries).subspan(first, std::min(kSegmentsAtOnce, entries.size() - first));
    DREAMDB_ASSIGN(const auto segments, objects.segments(wave, SegmentUse::kCodes));
    for (const SegmentPtr& segment : segments) {
      DREAMDB_TRY(check_codes(segment->segment, index, codes.field));
      const uint64_t before = plan.row_count;
      add_rows(*segment->segment.codes, static_cast<uint32_t>(plan.segments.size()), cells, plan);
      plan.segments.push_back(segment);
      plan.whole.push_back(whole_codes(objects, segment, plan.row_count - before));
    }
  }
  return plan;
}

size_t take_round(const CodePlan& plan, std::span<const CellRows> rows) {
  uint64_t bytes = 0;
  size_t taken = 0;
  for (; taken < rows.size(); ++taken) {
    const CellRows& cell = rows[taken];
    const Run& run = plan.segments[cell.segment]->segment.codes->codes;
    bytes += ((cell.end - 1) / run.per - cell.begin / run.per + 1) * run.sizes[0];
    if (taken > 0 && bytes > kRoundBytes) break;
  }
  return taken;
}

Result<CodeBlocks> CodeBlocks::fetch(Objects& objects, const CodePlan& plan,
                                     std::span<const CellRows> rows) {
  std::vector<Place> places;
  for (const CellRows& cell : rows) {
    const uint64_t per = plan.segments[cell.segment]->segment.codes->codes.per;
    for (uint64_t block = cell.begin / per; block <= (cell.end - 1) / per; ++block) {
      add_place(plan, {false, cell.segment, static_cast<uint32_t>(block)}, places);
    }
  }
  return fetch_places(objects, plan, std::move(places));
}

Result<CodeBlocks> CodeBlocks::fetch_both(Objects& objects, const CodePlan& plan,
                                          std::span<const std::vector<Candidate>> rows) {
  std::vector<Place> places;
  for (const bool is_extra : {false, true})
    for (const auto& list : rows)
      for (const Candidate& row : list) {
        const CodeParts& codes = *plan.segments[row.segment]->segment.codes;
        const uint64_t per = is_extra ? codes.extra->per : codes.codes.per;
        add_place(plan, {is_extra, row.segment, static_cast<uint32_t>(row.row / per)}, places);
      }
  std::ranges::sort(places);
  places.erase(std::ranges::unique(places).begin(), places.end());
  return fetch_places(objects, plan, std::move(places));
}

void CodeBlocks::add_place(const CodePlan& plan, Place place, std::vector<Place>& places) {
  if (plan.whole[place.segment] != nullptr) return;
  if (places.empty() || places.back() != place) places.push_back(place);
}

Result<CodeBlocks> CodeBlocks::fetch_places(Objects& objects, const CodePlan& plan,
                                            std::vector<Place> places) {
  CodeBlocks out;
  out.plan_ = &plan;
  out.places_ = std::move(places);
  out.raws_.resize(out.places_.size());
  std::vector<Extent> missing;
  std::vector<size_t> first_of;  // of each extent: its first place
  for (size_t i = 0; i < out.places_.size(); ++i) {
    const Place& place = out.places_[i];
    const SegmentPtr& segment = plan.segments[place.segment];
    const CodeParts& codes = *segment->segment.codes;
    const Run& run = place.is_extra ? *codes.extra : codes.codes;
    out.raws_[i] = objects.caches().find_matrix(
        {segment->segment.address, Part::kCodes, run.starts[place.block]});
    if (out.raws_[i] != nullptr) continue;
    const bool goes_on = !missing.empty() && missing.back().segment == segment &&
                         missing.back().run == &run &&
                         missing.back().first_block + missing.back().block_count == place.block;
    if (goes_on) {
      ++missing.back().block_count;
    } else {
      missing.push_back({segment, &run, place.block, 1});
      first_of.push_back(i);
    }
  }
  DREAMDB_ASSIGN(const auto bytes, objects.extents(missing));
  for (size_t e = 0; e < missing.size(); ++e) {
    const Extent& extent = missing[e];
    const Segment& segment = extent.segment->segment;
    for (size_t b = 0; b < extent.block_count; ++b) {
      const size_t block = extent.first_block + b;
      const uint64_t start = extent.run->starts[block];
      const Buffer stored = bytes[e].slice(start - extent.offset(), extent.run->sizes[block]);
      DREAMDB_ASSIGN(const Buffer raw, out.places_[first_of[e]].is_extra
                                           ? decode_extra(segment, block, stored)
                                           : decode_codes(segment, block, stored));
      // A copy: the bytes read may be a part of many.
      auto kept = std::make_shared<const Buffer>(Buffer::copy_of(raw.span()));
      objects.caches().keep_matrix({segment.address, Part::kCodes, start}, kept);
      out.raws_[first_of[e] + b] = std::move(kept);
    }
  }
  return out;
}

void CodeBlocks::prefetch(const CellRows& rows) const {
  constexpr size_t kLine = 64;
  const auto bring = [](const auto* values, size_t count) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(values);
    for (size_t at = 0; at < count * sizeof *values; at += kLine)
      __builtin_prefetch(bytes + at, 0, 2);
  };
  visit(rows, [&](const CodeBlock& block, uint32_t first, uint32_t count) {
    const size_t words = block.bits.size() / block.add.size();
    bring(block.bits.data() + first * words, count * words);
    bring(block.add.data() + first, count);
    bring(block.scale.data() + first, count);
    bring(block.error.data() + first, count);
  });
}

const Buffer& CodeBlocks::raw(uint32_t segment, bool is_extra, size_t block) const {
  const Place place{is_extra, segment, static_cast<uint32_t>(block)};
  const auto at = std::ranges::lower_bound(places_, place);
  DREAMDB_ASSERT(at != places_.end() && *at == place);
  return *raws_[static_cast<size_t>(at - places_.begin())];
}

}  // namespace dreamdb
