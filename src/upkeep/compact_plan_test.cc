// Plans of compactions of random tracks: whatever they join, every field keeps its newest value.
#include "upkeep/compact_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "plan/testing.h"

namespace dreamdb {
namespace {

using Cell = std::pair<uint32_t, uint64_t>;  // field, anchor

// A segment as the plan sees it, and what it holds: of each value, which write it is.
struct Held {
  EntryPtr entry;
  std::set<uint64_t> anchors;
  std::map<Cell, uint64_t> values;
};

Held held(uint64_t id, std::set<uint64_t> anchors, const std::set<uint32_t>& fields, uint64_t seq,
          bool is_primary) {
  Held out;
  auto entry = std::make_shared<Entry>(testing::leaf_entry(id, *anchors.begin(), 0, seq, false));
  entry->last = *anchors.rbegin();
  entry->rows = anchors.size();
  entry->step = anchors.size() == 1 ? 1 : 0;
  entry->records = is_primary ? entry->rows : 0;
  entry->bytes = entry->size = 100 * entry->rows;
  Stats stats;
  for (const uint32_t field : fields) {
    if (field > 0) stats[FieldId{field}].present = 1;
    for (const uint64_t anchor : anchors) out.values[{field, anchor}] = id;
  }
  entry->stats = std::move(stats);
  out.entry = std::move(entry);
  out.anchors = std::move(anchors);
  return out;
}

// The newest value of each cell; ties are the plan's fault.
std::map<Cell, uint64_t> newest(const std::vector<Held>& track) {
  std::map<Cell, std::pair<uint64_t, uint64_t>> best;  // seq, value
  for (const Held& segment : track)
    for (const auto& [cell, value] : segment.values) {
      auto& held = best[cell];
      if (segment.entry->seq >= held.first) held = {segment.entry->seq, value};
    }
  std::map<Cell, uint64_t> out;
  for (const auto& [cell, value] : best) out[cell] = value.second;
  return out;
}

struct Track {
  std::vector<Held> segments;
  TrackRules rules;

  // at_once: how many segments are added to the plan in one call. As a compaction does, leaves out
  // pieces of which a segment is taken.
  Result<std::vector<CompactPiece>> plan(size_t at_once = SIZE_MAX, EntryTraits traits = {}) {
    std::ranges::sort(segments,
                      [](const Held& a, const Held& b) { return entry_less(*a.entry, *b.entry); });
    std::vector<EntryPtr> entries;
    for (const Held& segment : segments) entries.push_back(segment.entry);
    const auto shares = [&](const EntryPtr& a, const EntryPtr& b) {
      return Result<bool>(std::ranges::any_of(
          find(a).anchors, [&](uint64_t anchor) { return find(b).anchors.contains(anchor); }));
    };
    const auto near = [&](uint64_t first, uint64_t last, const auto& visit) -> Status {
      for (const EntryPtr& entry : entries)
        if (entry->first <= last && entry->last >= first) DREAMDB_TRY(visit(entry));
      return {};
    };
    PiecePlan plan(rules, std::move(traits), shares, near);
    std::vector<CompactPiece> out;
    std::set<EntryPtr> taken;
    for (std::span<const EntryPtr> left = entries; !left.empty();) {
      const auto now = left.first(std::min(at_once, left.size()));
      left = left.subspan(now.size());
      DREAMDB_ASSIGN(auto pieces, plan.add(now, left.empty()));
      for (CompactPiece& piece : pieces) {
        if (std::ranges::any_of(piece.inputs, [&](auto& input) { return taken.contains(input); }))
          continue;
        taken.insert(piece.inputs.begin(), piece.inputs.end());
        out.push_back(std::move(piece));
      }
    }
    return out;
  }

  const Held& find(const EntryPtr& entry) const {
    return *std::ranges::find(segments, entry, &Held::entry);
  }

  // One segment for each piece, with what its inputs had.
  void carry_out(const std::vector<CompactPiece>& pieces) {
    std::set<EntryPtr> gone;
    std::vector<Held> made;
    for (const CompactPiece& piece : pieces) {
      std::vector<Held> inputs;
      Held out;
      for (const EntryPtr& input : piece.inputs) {
        RC_ASSERT(gone.insert(input).second);
        inputs.push_back(find(input));
        RC_ASSERT(input->seq <= piece.seq);
        out.anchors.insert(inputs.back().anchors.begin(), inputs.back().anchors.end());
      }
      auto entry = std::make_shared<Entry>(*piece.inputs[0]);
      entry->seq = piece.seq;
      out.entry = std::move(entry);
      out.values = newest(inputs);
      made.push_back(std::move(out));
    }
    std::erase_if(segments, [&](const Held& segment) { return gone.contains(segment.entry); });
    segments.insert(segments.end(), made.begin(), made.end());
  }
};

size_t some_at_once() {
  return *rc::gen::oneOf(rc::gen::just(SIZE_MAX), rc::gen::inRange<size_t>(1, 8));
}

std::set<uint64_t> some_anchors(uint64_t below) {
  return *rc::gen::nonEmpty(rc::gen::resize(
      6, rc::gen::container<std::set<uint64_t>>(rc::gen::inRange<uint64_t>(0, below))));
}

RC_GTEST_PROP(CompactPlan, KeepsTheNewestValueOfAWideTrack, ()) {
  Track track;
  track.rules = {.bytes_max = 1000, .rows_max = 1'000'000};
  const auto count = *rc::gen::inRange<uint64_t>(1, 25);
  for (uint64_t id = 1; id <= count; ++id)
    track.segments.push_back(held(id, some_anchors(60), {0}, id, true));
  const auto before = newest(track.segments);
  const auto pieces = track.plan(some_at_once());
  RC_ASSERT(pieces.has_value());
  track.carry_out(*pieces);
  RC_ASSERT(newest(track.segments) == before);
}

RC_GTEST_PROP(CompactPlan, FoldsLayersAndKeepsTheNewestValueOfEachColumn, ()) {
  Track track;
  track.rules = {.bytes_max = 1'000'000, .rows_max = 8, .has_layers = true};
  std::set<uint64_t> records;
  const auto count = *rc::gen::inRange<uint64_t>(1, 25);
  for (uint64_t id = 1; id <= count; ++id) {
    std::set<uint64_t> anchors = some_anchors(60), fresh;
    const std::set<uint32_t> fields = {1 + static_cast<uint32_t>(id % 3), 1};
    std::ranges::set_difference(anchors, records, std::inserter(fresh, fresh.end()));
    std::set<uint64_t> old;
    std::ranges::set_difference(anchors, fresh, std::inserter(old, old.end()));
    if (!fresh.empty()) track.segments.push_back(held(2 * id, fresh, fields, id, true));
    if (!old.empty()) track.segments.push_back(held(2 * id + 1, old, fields, id, false));
    records.insert(fresh.begin(), fresh.end());
  }
  const auto before = newest(track.segments);
  const size_t at_once = some_at_once();
  const auto pieces = track.plan(at_once);
  RC_ASSERT(pieces.has_value());
  std::set<EntryPtr> inputs;
  for (const CompactPiece& piece : *pieces) inputs.insert(piece.inputs.begin(), piece.inputs.end());
  for (const Held& segment : track.segments)
    RC_ASSERT(at_once < SIZE_MAX || segment.entry->records > 0 || inputs.contains(segment.entry));
  // A layer and the records that it is of are in one piece.
  for (const CompactPiece& piece : *pieces) {
    std::set<uint64_t> introduced;
    for (const EntryPtr& input : piece.inputs)
      if (input->records > 0)
        introduced.insert(track.find(input).anchors.begin(), track.find(input).anchors.end());
    for (const EntryPtr& input : piece.inputs)
      RC_ASSERT(std::ranges::includes(introduced, track.find(input).anchors));
  }
  track.carry_out(*pieces);
  RC_ASSERT(newest(track.segments) == before);
}

// Segments side by side, each full by so many thousandths.
Track row_of(const std::vector<uint64_t>& fills) {
  Track track;
  track.rules = {.bytes_max = 1000, .rows_max = 1'000'000};
  uint64_t at = 0;
  for (size_t i = 0; i < fills.size(); ++i) {
    Held segment = held(i + 1, {at, at + 5}, {0}, i + 1, true);
    auto entry = std::make_shared<Entry>(*segment.entry);
    entry->bytes = fills[i];
    segment.entry = std::move(entry);
    track.segments.push_back(std::move(segment));
    at += 10;
  }
  return track;
}

std::vector<size_t> sizes_of(const std::vector<CompactPiece>& pieces) {
  std::vector<size_t> out;
  for (const CompactPiece& piece : pieces) out.push_back(piece.inputs.size());
  return out;
}

TEST(CompactPlan, JoinsSmallNeighboursUntilASegmentIsFull) {
  EXPECT_EQ(sizes_of(*row_of({300, 300, 300, 300, 300, 300}).plan()), (std::vector<size_t>{4, 2}));
  EXPECT_EQ(sizes_of(*row_of({10, 10, 900, 10, 10}).plan()), (std::vector<size_t>{2, 2}));
  EXPECT_EQ(sizes_of(*row_of({900, 10, 900, 10}).plan()), (std::vector<size_t>{}));
  const auto pieces = row_of({400, 400, 400}).plan();
  ASSERT_EQ(sizes_of(*pieces), (std::vector<size_t>{3}));
  EXPECT_EQ((*pieces)[0].segments, 2u);
  EXPECT_EQ((*pieces)[0].seq, 3u);
}

TEST(CompactPlan, ARunGoesOnWhereTheLastPartEnded) {
  const std::vector<uint64_t> fills = {300, 300, 300, 300, 300, 300, 900, 10, 10};
  for (size_t at_once = 1; at_once <= fills.size(); ++at_once)
    EXPECT_EQ(sizes_of(*row_of(fills).plan(at_once)), (std::vector<size_t>{4, 2, 2})) << at_once;
}

TEST(CompactPlan, WhatIsFarAwayComesAlong) {
  // The first one has a newer value of what stands at the end.
  Track track = row_of({900, 10, 900, 900, 900, 10, 10});
  track.segments[0] = held(100, {0, 51}, {0}, 6, true);
  auto large = std::make_shared<Entry>(*track.segments[0].entry);
  large->bytes = 900;
  track.segments[0].entry = std::move(large);
  for (const size_t at_once : {1, 2, 3, 7}) {
    Track one = track;
    one.segments[5].anchors.insert(51);
    const auto pieces = one.plan(at_once);
    ASSERT_EQ(sizes_of(*pieces), (std::vector<size_t>{3})) << at_once;
    EXPECT_EQ((*pieces)[0].inputs[0]->seq, 6u);
    EXPECT_EQ((*pieces)[0].seq, 7u);
  }
}

TEST(CompactPlan, DoesNotJoinWhatAnIndexCoversWithWhatItDoesNot) {
  EntryTraits traits;
  traits.is_covered = [](const Entry& entry) { return entry.seq <= 2; };
  for (const size_t at_once : {1, 3, 4})
    EXPECT_EQ(sizes_of(*row_of({10, 10, 10, 10}).plan(at_once, traits)),
              (std::vector<size_t>{2, 2}));
}

TEST(CompactPlan, WritesAnewWhatIsWantedHoweverLarge) {
  EntryTraits traits;
  traits.is_wanted = [](const Entry& entry) { return entry.seq == 1; };
  for (const size_t at_once : {1, 2, 3}) {
    const auto pieces = row_of({900, 900, 10}).plan(at_once, traits);
    ASSERT_EQ(sizes_of(*pieces), (std::vector<size_t>{1}));
    EXPECT_EQ((*pieces)[0].seq, 1u);
  }
}

}  // namespace
}  // namespace dreamdb
