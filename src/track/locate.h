// Which rows of a segment hold which of the wanted anchors.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "format/page.h"

namespace dreamdb {

// Wanted anchors [pos, pos + len) stand in rows [row, row + len) of a segment.
struct MatchRun {
  uint32_t pos = 0;
  uint32_t row = 0;
  uint32_t len = 0;
};

// wanted: ascending, unique, fewer than 2^32. held: the segment's anchors, ascending; empty when
// `entry.step` tells them. Runs are ascending and as long as can be.
std::vector<MatchRun> match_rows(const Entry& entry, std::span<const uint64_t> held,
                                 std::span<const uint64_t> wanted);

// Whether ranges and steps alone tell that two segments share no anchor.
bool is_apart(const Entry& a, const Entry& b);

// Takes out of each list what a later list holds as well, so that every wanted anchor is left in
// at most one list: the newest wins. lists: oldest first. wanted: how many anchors there are.
void keep_newest(std::span<std::vector<MatchRun>> lists, size_t wanted);

// Takes out of `runs` the wanted anchors that are marked; marks: one for each wanted anchor.
void take_out(const std::vector<bool>& marks, std::vector<MatchRun>& runs);

}  // namespace dreamdb
