#include "upkeep/compact_plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

}  // namespace

PiecePlan::PiecePlan(const TrackRules& rules, EntryTraits traits, SharesAnchor shares,
                     VisitNear near)
    : rules_(rules),
      traits_(std::move(traits)),
      shares_(std::move(shares)),
      near_(std::move(near)) {}

Result<std::vector<CompactPiece>> PiecePlan::add(std::span<const EntryPtr> entries, bool is_last) {
  is_last_ = is_last;
  take_in(entries);
  const std::vector<size_t> waiting = find_runs();
  if (!rules_.is_by_seq)
    for (size_t i = 0; i < groups_.size(); ++i) DREAMDB_TRY(close(i));
  std::vector<CompactPiece> out;
  for (Group& group : groups_) {
    std::ranges::sort(group);
    if (is_worth(group)) out.push_back(piece_of(group));
  }
  drop(waiting);
  return out;
}

void PiecePlan::take_in(std::span<const EntryPtr> entries) {
  for (const EntryPtr& entry : entries) {
    const bool is_wanted = traits_.is_wanted && traits_.is_wanted(*entry);
    nodes_.push_back({entry, is_wanted || (rules_.has_layers && is_layer(*entry)),
                      traits_.is_covered && traits_.is_covered(*entry)});
  }
  ordered_ = nodes_.size();
  last_up_to_.clear();
  uint64_t last = 0;
  for (const Node& node : nodes_) last_up_to_.push_back(last = std::max(last, node.entry->last));
}

// Small segments that stand side by side. One that is small alone stays, unless it is wanted.
// Returns those that wait for more.
std::vector<size_t> PiecePlan::find_runs() {
  std::vector<size_t> run;
  double filled = 0;
  const auto end_run = [&] {
    const bool is_group =
        run.size() > 1 || std::ranges::any_of(run, [&](size_t i) { return nodes_[i].is_wanted; });
    if (is_group) {
      for (const size_t i : run) nodes_[i].group = groups_.size();
      groups_.push_back(run);
    }
    run.clear();
    filled = 0;
  };
  for (size_t i = 0; i < ordered_; ++i) {
    const double fill = fill_of(*nodes_[i].entry, rules_);
    if (!nodes_[i].is_wanted && fill >= kSmall) {
      end_run();
      continue;
    }
    if (!run.empty() && nodes_[run.back()].is_covered != nodes_[i].is_covered) end_run();
    run.push_back(i);
    filled += fill;
    if (filled >= rules_.run_segments || run.size() >= rules_.run_entries) end_run();
  }
  if (is_last_) end_run();
  return run;
}

// Brings in what may not be left out, with the group that it is in.
Status PiecePlan::close(size_t group) {
  for (bool has_grown = true; has_grown;) {
    has_grown = false;
    uint64_t greatest = 0;
    for (const size_t i : groups_[group]) greatest = std::max(greatest, nodes_[i].entry->seq);
    const Span span = span_of(groups_[group]);
    if (!is_held(span)) {
      DREAMDB_TRY(near_(span.first, span.last, [&](const EntryPtr& entry) {
        return consider_far(group, greatest, entry, has_grown);
      }));
      continue;
    }
    const auto ordered = std::span(nodes_).first(ordered_);
    const auto from = std::ranges::lower_bound(last_up_to_, span.first) - last_up_to_.begin();
    const auto to = std::ranges::upper_bound(ordered, span.last, {},
                                             [](const Node& node) { return node.entry->first; });
    for (auto i = static_cast<size_t>(from); i < static_cast<size_t>(to - ordered.begin()); ++i)
      DREAMDB_TRY(consider(group, greatest, i, has_grown));
  }
  return {};
}

Status PiecePlan::consider(size_t group, uint64_t greatest, size_t other, bool& has_grown) {
  if (nodes_[other].group == group) return {};
  DREAMDB_ASSIGN(const bool comes, belongs(groups_[group], greatest, nodes_[other].entry));
  if (!comes) return {};
  take(group, other);
  has_grown = true;
  return {};
}

// The same of a segment that may not be held.
Status PiecePlan::consider_far(size_t group, uint64_t greatest, const EntryPtr& entry,
                               bool& has_grown) {
  if (const size_t known = index_of(entry); known != kNone)
    return consider(group, greatest, known, has_grown);
  DREAMDB_ASSIGN(const bool comes, belongs(groups_[group], greatest, entry));
  if (!comes) return {};
  index_.emplace(key_of(*entry), nodes_.size());
  nodes_.push_back({entry, rules_.has_layers && is_layer(*entry)});
  take(group, nodes_.size() - 1);
  has_grown = true;
  return {};
}

Result<bool> PiecePlan::belongs(const Group& group, uint64_t greatest,
                                const EntryPtr& other) const {
  for (const size_t i : group) {
    const Entry& held = *nodes_[i].entry;
    if (is_apart(held, *other)) continue;
    const bool both_introduce = rules_.has_layers && !is_layer(held) && !is_layer(*other);
    const bool is_under = rules_.has_layers && is_layer(held) && !is_layer(*other);
    const bool is_between = would_lose(*other, held, greatest);
    if (both_introduce || (!is_under && !is_between)) continue;
    DREAMDB_ASSIGN(const bool shared, shares_(nodes_[i].entry, other));
    if (shared) return true;
  }
  return false;
}

void PiecePlan::take(size_t group, size_t other) {
  const size_t from = nodes_[other].group;
  const Group more = from == kNone ? Group{other} : std::exchange(groups_[from], {});
  for (const size_t i : more) nodes_[i].group = group;
  groups_[group].insert(groups_[group].end(), more.begin(), more.end());
}

PiecePlan::Span PiecePlan::span_of(const Group& group) const {
  Span span;
  for (const size_t i : group) {
    span.first = std::min(span.first, nodes_[i].entry->first);
    span.last = std::max(span.last, nodes_[i].entry->last);
  }
  return span;
}

// Whether no segment meets it but those that stand here side by side.
bool PiecePlan::is_held(const Span& span) const {
  if (last_before_ && span.first <= *last_before_) return false;
  return is_last_ || span.last < nodes_[ordered_ - 1].entry->first;
}

size_t PiecePlan::index_of(const EntryPtr& entry) {
  if (index_.empty())
    for (size_t i = 0; i < nodes_.size(); ++i) index_.emplace(key_of(*nodes_[i].entry), i);
  const auto at = index_.find(key_of(*entry));
  return at == index_.end() ? kNone : at->second;
}

bool PiecePlan::is_worth(const Group& group) const {
  if (group.empty()) return false;
  return piece_of(group).segments < group.size() ||
         std::ranges::any_of(group, [&](size_t i) { return nodes_[i].is_wanted; });
}

CompactPiece PiecePlan::piece_of(const Group& group) const {
  std::vector<EntryPtr> inputs;
  for (const size_t i : group) inputs.push_back(nodes_[i].entry);
  if (!rules_.is_by_seq)
    std::ranges::sort(inputs,
                      [](const EntryPtr& a, const EntryPtr& b) { return entry_less(*a, *b); });
  return whole_piece(inputs, rules_);
}

// Lets go of all but those that wait and were not taken.
void PiecePlan::drop(const std::vector<size_t>& waiting) {
  std::vector<Node> kept;
  for (const size_t i : waiting)
    if (nodes_[i].group == kNone) kept.push_back(nodes_[i]);
  const size_t waiting_from = waiting.empty() ? ordered_ : waiting.front();
  for (size_t i = 0; i < ordered_; ++i)
    if (i < waiting_from || nodes_[i].group != kNone)
      last_before_ = std::max(last_before_.value_or(0), nodes_[i].entry->last);
  nodes_ = std::move(kept);
  groups_.clear();
  index_.clear();
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
