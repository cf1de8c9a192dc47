#include "upkeep/compact_plan.h"

#include <algorithm>
#include <cmath>

#include "track/locate.h"

namespace dreamdb {

namespace {

constexpr double kSmall = 0.5;  // of a full segment

double fill_of(const Entry& entry, const TrackRules& rules) {
  return std::max(static_cast<double>(entry.bytes) / static_cast<double>(rules.bytes_max),
                  static_cast<double>(entry.rows) / static_cast<double>(rules.rows_max));
}

bool is_layer(const Entry& entry) { return entry.records == 0; }

// Whether two segments of a track may both have a value of one field at one anchor.
bool have_common_field(const Entry& a, const Entry& b) {
  if (a.stats.empty() || b.stats.empty()) return a.stats.empty() && b.stats.empty();
  return std::ranges::any_of(a.stats, [&](const auto& column) {
    const auto at = b.stats.find(column.first);
    return column.second.present > 0 && at != b.stats.end() && at->second.present > 0;
  });
}

// Whether a segment that stays would lose to one made of `held` and others, of which the greatest
// `seq` is `greatest`, where it has won over `held`.
bool would_lose(const Entry& other, const Entry& held, uint64_t greatest) {
  return held.seq <= other.seq && other.seq <= greatest && have_common_field(held, other);
}

class TrackPlan {
 public:
  TrackPlan(std::span<const EntryPtr> entries, const TrackRules& rules, const EntryTraits& traits,
            const SharesAnchor& shares)
      : entries_(entries),
        rules_(rules),
        traits_(traits),
        shares_(shares),
        group_of_(entries.size(), kNone) {
    uint64_t last = 0;
    for (const EntryPtr& entry : entries) {
      const bool is_wanted = traits.is_wanted && traits.is_wanted(*entry);
      wanted_.push_back(is_wanted || (rules.has_layers && is_layer(*entry)));
      last_up_to_.push_back(last = std::max(last, entry->last));
    }
  }

  Result<std::vector<CompactPiece>> run() {
    find_runs();
    if (!rules_.is_by_seq)
      for (size_t i = 0; i < groups_.size(); ++i) DREAMDB_TRY(close(i));
    std::vector<CompactPiece> out;
    for (std::vector<size_t>& group : groups_) {
      std::ranges::sort(group);
      if (is_worth(group)) out.push_back(piece_of(group));
    }
    return out;
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  // Small segments that stand side by side. One that is small alone stays, unless it is wanted.
  void find_runs() {
    std::vector<size_t> run;
    double filled = 0;
    const auto end_run = [&] {
      const bool is_group =
          run.size() > 1 || std::ranges::any_of(run, [&](size_t i) { return wanted_[i]; });
      if (is_group) {
        for (const size_t i : run) group_of_[i] = groups_.size();
        groups_.push_back(run);
      }
      run.clear();
      filled = 0;
    };
    for (size_t i = 0; i < entries_.size(); ++i) {
      const double fill = fill_of(*entries_[i], rules_);
      if (!wanted_[i] && fill >= kSmall) {
        end_run();
        continue;
      }
      if (!run.empty() && is_covered(run.back()) != is_covered(i)) end_run();
      run.push_back(i);
      filled += fill;
      if (filled >= rules_.run_segments) end_run();
    }
    end_run();
  }

  bool is_covered(size_t i) const { return traits_.is_covered && traits_.is_covered(*entries_[i]); }

  // Brings in what may not be left out, with the group that it is in.
  Status close(size_t group) {
    for (bool grown = true; grown;) {
      grown = false;
      uint64_t greatest = 0;
      for (const size_t i : groups_[group]) greatest = std::max(greatest, entries_[i]->seq);
      const auto [from, to] = near(groups_[group]);
      for (size_t other = from; other < to; ++other) {
        if (group_of_[other] == group) continue;
        DREAMDB_ASSIGN(const bool comes, belongs(group, greatest, other));
        if (!comes) continue;
        take(group, other);
        grown = true;
      }
    }
    return {};
  }

  // Entries [from, to), of which no other meets the range of the group.
  std::pair<size_t, size_t> near(const std::vector<size_t>& group) const {
    uint64_t first = UINT64_MAX, last = 0;
    for (const size_t i : group) {
      first = std::min(first, entries_[i]->first);
      last = std::max(last, entries_[i]->last);
    }
    const auto from = std::ranges::lower_bound(last_up_to_, first) - last_up_to_.begin();
    const auto to = std::ranges::upper_bound(entries_, last, {},
                                             [](const EntryPtr& entry) { return entry->first; });
    return {static_cast<size_t>(from), static_cast<size_t>(to - entries_.begin())};
  }

  Result<bool> belongs(size_t group, uint64_t greatest, size_t other) const {
    const Entry& entry = *entries_[other];
    for (const size_t i : groups_[group]) {
      const Entry& held = *entries_[i];
      if (is_apart(held, entry)) continue;
      const bool both_introduce = rules_.has_layers && !is_layer(held) && !is_layer(entry);
      const bool is_under = rules_.has_layers && is_layer(held) && !is_layer(entry);
      const bool is_between = would_lose(entry, held, greatest);
      if (both_introduce || (!is_under && !is_between)) continue;
      DREAMDB_ASSIGN(const bool shared, shares_(entries_[i], entries_[other]));
      if (shared) return true;
    }
    return false;
  }

  void take(size_t group, size_t other) {
    const size_t from = group_of_[other];
    if (from == kNone) {
      groups_[group].push_back(other);
      group_of_[other] = group;
      return;
    }
    for (const size_t i : groups_[from]) group_of_[i] = group;
    groups_[group].insert(groups_[group].end(), groups_[from].begin(), groups_[from].end());
    groups_[from].clear();
  }

  bool is_worth(const std::vector<size_t>& group) const {
    if (group.empty()) return false;
    return piece_of(group).segments < group.size() ||
           std::ranges::any_of(group, [&](size_t i) { return wanted_[i]; });
  }

  CompactPiece piece_of(const std::vector<size_t>& group) const {
    std::vector<EntryPtr> inputs;
    for (const size_t i : group) inputs.push_back(entries_[i]);
    return whole_piece(inputs, rules_);
  }

  const std::span<const EntryPtr> entries_;
  const TrackRules& rules_;
  const EntryTraits& traits_;
  const SharesAnchor& shares_;
  std::vector<bool> wanted_;
  std::vector<uint64_t> last_up_to_;  // [i]: the greatest `last` of the first i + 1
  std::vector<size_t> group_of_;
  std::vector<std::vector<size_t>> groups_;
};

}  // namespace

Result<std::vector<CompactPiece>> plan_pieces(std::span<const EntryPtr> entries,
                                              const TrackRules& rules, const EntryTraits& traits,
                                              const SharesAnchor& shares) {
  return TrackPlan(entries, rules, traits, shares).run();
}

CompactPiece whole_piece(std::span<const EntryPtr> entries, const TrackRules& rules) {
  CompactPiece piece;
  double filled = 0;
  for (const EntryPtr& entry : entries) {
    piece.inputs.push_back(entry);
    piece.seq = std::max(piece.seq, entry->seq);
    piece.rows += entry->rows;
    piece.bytes += entry->bytes;
    filled += fill_of(*entry, rules);
  }
  piece.segments = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(filled)));
  return piece;
}

Result<bool> stands_between(std::span<const EntryPtr> inputs, const EntryPtr& other,
                            const SharesAnchor& shares) {
  uint64_t greatest = 0;
  for (const EntryPtr& input : inputs) greatest = std::max(greatest, input->seq);
  for (const EntryPtr& input : inputs) {
    if (!would_lose(*other, *input, greatest) || is_apart(*input, *other)) continue;
    DREAMDB_ASSIGN(const bool shared, shares(input, other));
    if (shared) return true;
  }
  return false;
}

}  // namespace dreamdb
