// Matching rows by anchor, against looking at each one.
#include "track/locate.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace dreamdb {
namespace {

std::vector<uint64_t> ascending(uint64_t bound) {
  const auto set = *rc::gen::container<std::set<uint64_t>>(rc::gen::inRange<uint64_t>(0, bound));
  return {set.begin(), set.end()};
}

// position -> row
std::map<uint32_t, uint32_t> unrolled(const std::vector<MatchRun>& runs) {
  std::map<uint32_t, uint32_t> out;
  for (const MatchRun& run : runs)
    for (uint32_t k = 0; k < run.len; ++k) RC_ASSERT(out.emplace(run.pos + k, run.row + k).second);
  return out;
}

RC_GTEST_PROP(Locate, MatchesAsLookingAtEachRow, ()) {
  const std::vector<uint64_t> wanted = ascending(200);
  Entry entry;
  std::vector<uint64_t> held = ascending(200);
  if (held.empty()) held.push_back(7);
  if (*rc::gen::arbitrary<bool>()) {
    entry.step = *rc::gen::inRange<uint64_t>(1, 9);
    for (size_t i = 1; i < held.size(); ++i) held[i] = held[0] + i * entry.step;
  }
  entry.rows = held.size();
  entry.first = held.front();
  entry.last = held.back();
  const auto runs = match_rows(entry, entry.step > 0 ? std::span<const uint64_t>() : held, wanted);
  std::map<uint32_t, uint32_t> expected;
  for (uint32_t pos = 0; pos < wanted.size(); ++pos) {
    const auto it = std::lower_bound(held.begin(), held.end(), wanted[pos]);
    if (it != held.end() && *it == wanted[pos])
      expected[pos] = static_cast<uint32_t>(it - held.begin());
  }
  RC_ASSERT(unrolled(runs) == expected);
  // Ascending, and as long as can be.
  for (size_t i = 1; i < runs.size(); ++i) {
    RC_ASSERT(runs[i].pos >= runs[i - 1].pos + runs[i - 1].len);
    RC_ASSERT(runs[i].pos != runs[i - 1].pos + runs[i - 1].len ||
              runs[i].row != runs[i - 1].row + runs[i - 1].len);
  }
}

RC_GTEST_PROP(Locate, TakesOutWhatIsMarked, ()) {
  std::vector<MatchRun> runs;
  uint32_t pos = 0;
  for (const auto& [gap, len] : *rc::gen::container<std::vector<std::pair<uint8_t, uint8_t>>>(
           rc::gen::pair(rc::gen::inRange<uint8_t>(0, 4), rc::gen::inRange<uint8_t>(1, 9)))) {
    runs.push_back({pos + gap, 3 * pos, len});
    pos += gap + len;
  }
  const auto marks = *rc::gen::container<std::vector<bool>>(pos, rc::gen::arbitrary<bool>());
  std::map<uint32_t, uint32_t> expected = unrolled(runs);
  std::erase_if(expected, [&](const auto& match) { return marks[match.first]; });
  take_out(marks, runs);
  RC_ASSERT(unrolled(runs) == expected);
}

TEST(Locate, MatchesAtTheEndsOfTheTimeline) {
  Entry entry;
  entry.rows = 3;
  entry.step = 1ull << 62;
  entry.first = 2;
  entry.last = entry.first + 2 * entry.step;
  const std::vector<uint64_t> wanted = {0, 2, entry.first + entry.step, entry.last, UINT64_MAX - 1};
  const auto runs = match_rows(entry, {}, wanted);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].pos, 1u);
  EXPECT_EQ(runs[0].row, 0u);
  EXPECT_EQ(runs[0].len, 3u);
}

RC_GTEST_PROP(Locate, TheNewestListKeepsAnAnchor, ()) {
  constexpr size_t kWanted = 100;
  const auto lists_wanted = *rc::gen::container<std::vector<std::set<uint32_t>>>(
      rc::gen::container<std::set<uint32_t>>(rc::gen::inRange<uint32_t>(0, kWanted)));
  std::vector<std::vector<MatchRun>> lists;
  std::map<uint32_t, std::pair<size_t, uint32_t>> expected;  // position -> list, row
  for (size_t i = 0; i < lists_wanted.size(); ++i) {
    lists.emplace_back();
    uint32_t row = static_cast<uint32_t>(i);
    for (const uint32_t pos : lists_wanted[i]) {
      lists[i].push_back({pos, row, 1});
      expected[pos] = {i, row};
      row += 1 + pos % 2;
    }
  }
  keep_newest(lists, kWanted);
  std::map<uint32_t, std::pair<size_t, uint32_t>> found;
  for (size_t i = 0; i < lists.size(); ++i)
    for (const auto& [pos, row] : unrolled(lists[i]))
      RC_ASSERT(found.emplace(pos, std::pair(i, row)).second);
  RC_ASSERT(found == expected);
}

}  // namespace
}  // namespace dreamdb
