#include "track/locate.h"

#include <algorithm>
#include <numeric>

namespace dreamdb {

namespace {

void append_match(std::vector<MatchRun>& runs, size_t pos, size_t row) {
  if (!runs.empty()) {
    MatchRun& last = runs.back();
    if (last.pos + last.len == pos && last.row + last.len == row) {
      ++last.len;
      return;
    }
  }
  runs.push_back({static_cast<uint32_t>(pos), static_cast<uint32_t>(row), 1});
}

// Whether wanted[begin, end) are just the consecutive terms from wanted[begin] on.
bool consecutive(std::span<const uint64_t> wanted, size_t begin, size_t end, uint64_t step) {
  const uint64_t base = wanted[begin];
  bool same = true;
  for (size_t i = begin; i < end; ++i) same &= wanted[i] == base + (i - begin) * step;
  return same;
}

void match_sequence(const Entry& entry, std::span<const uint64_t> wanted, size_t begin, size_t end,
                    std::vector<MatchRun>& runs) {
  if ((wanted[begin] - entry.first) % entry.step == 0 &&
      consecutive(wanted, begin, end, entry.step)) {
    runs.push_back({static_cast<uint32_t>(begin),
                    static_cast<uint32_t>((wanted[begin] - entry.first) / entry.step),
                    static_cast<uint32_t>(end - begin)});
    return;
  }
  for (size_t pos = begin; pos < end; ++pos) {
    const uint64_t distance = wanted[pos] - entry.first;
    if (distance % entry.step == 0) append_match(runs, pos, distance / entry.step);
  }
}

void match_list(std::span<const uint64_t> held, std::span<const uint64_t> wanted, size_t begin,
                size_t end, std::vector<MatchRun>& runs) {
  size_t row = 0;
  for (size_t pos = begin; pos < end && row < held.size(); ++pos) {
    // Gallop: few wanted rows in a long list, or one after the other.
    size_t leap = 1;
    while (row + leap < held.size() && held[row + leap] < wanted[pos]) leap *= 2;
    const size_t stop = std::min(held.size(), row + leap + 1);
    row = static_cast<size_t>(std::lower_bound(held.begin() + static_cast<ptrdiff_t>(row),
                                               held.begin() + static_cast<ptrdiff_t>(stop),
                                               wanted[pos]) -
                              held.begin());
    if (row < held.size() && held[row] == wanted[pos]) append_match(runs, pos, row++);
  }
}

}  // namespace

std::vector<MatchRun> match_rows(const Entry& entry, std::span<const uint64_t> held,
                                 std::span<const uint64_t> wanted) {
  std::vector<MatchRun> runs;
  const auto begin = static_cast<size_t>(
      std::lower_bound(wanted.begin(), wanted.end(), entry.first) - wanted.begin());
  const auto end = static_cast<size_t>(std::upper_bound(wanted.begin(), wanted.end(), entry.last) -
                                       wanted.begin());
  if (begin == end) return runs;
  if (entry.step > 0) {
    match_sequence(entry, wanted, begin, end, runs);
  } else {
    match_list(held, wanted, begin, end, runs);
  }
  return runs;
}

bool is_apart(const Entry& a, const Entry& b) {
  if (a.first > b.last || b.first > a.last) return true;
  if (a.step == 0 || b.step == 0) return false;
  const uint64_t distance = a.first > b.first ? a.first - b.first : b.first - a.first;
  return distance % std::gcd(a.step, b.step) != 0;
}

void keep_newest(std::span<std::vector<MatchRun>> lists, size_t wanted) {
  if (lists.size() < 2) return;
  std::vector<bool> taken(wanted);
  for (size_t i = lists.size(); i-- > 0;) {
    std::vector<MatchRun> kept;
    for (const MatchRun& run : lists[i])
      for (uint32_t k = 0; k < run.len; ++k) {
        if (taken[run.pos + k]) continue;
        taken[run.pos + k] = true;
        append_match(kept, run.pos + k, run.row + k);
      }
    lists[i] = std::move(kept);
  }
}

void take_out(const std::vector<bool>& marks, std::vector<MatchRun>& runs) {
  std::vector<MatchRun> kept;
  for (const MatchRun& run : runs)
    for (uint32_t k = 0; k < run.len; ++k)
      if (!marks[run.pos + k]) append_match(kept, run.pos + k, run.row + k);
  runs = std::move(kept);
}

}  // namespace dreamdb
