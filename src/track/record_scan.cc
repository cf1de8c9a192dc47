#include "track/record_scan.h"

#include <algorithm>
#include <functional>

#include "track/row_reader.h"

namespace dreamdb {

namespace {

std::function<bool(const Entry&)> entry_filter(const Filter* filter, bool has_layers) {
  // A layer may change what the statistics of the primary segment say; then segments are judged
  // one by one, together with the layers over them.
  const Filter* prune = has_layers ? nullptr : filter;
  return [prune](const Entry& entry) {
    return entry.records > 0 && (prune == nullptr || prune->can_match(entry.stats, entry.rows));
  };
}

}  // namespace

RecordScan::RecordScan(Objects& objects, ManifestPtr manifest, uint64_t first, uint64_t last,
                       const Filter* filter)
    : objects_(objects),
      manifest_(std::move(manifest)),
      root_(manifest_->find_track(kRecordTrack)),
      first_(first),
      last_(last),
      filter_(filter),
      has_layers_(root_ != nullptr && root_->rows != root_->records) {
  if (root_ != nullptr && first <= last)
    tree_.emplace(*root_, first, last, entry_filter(filter, has_layers_));
}

uint64_t RecordScan::Cursor::rows_up_to(uint64_t bound) const {
  if (entry->step > 0) {
    if (current() > bound) return 0;
    return std::min((bound - current()) / entry->step + 1, entry->rows - row);
  }
  const auto* anchors = reinterpret_cast<const uint64_t*>(list.data());
  const auto* end = std::upper_bound(anchors + row, anchors + entry->rows, bound);
  return static_cast<uint64_t>(end - (anchors + row));
}

Result<bool> RecordScan::ruled_out(const Entry& entry) {
  if (filter_ == nullptr || !has_layers_) return false;
  PageMap pages;
  DREAMDB_ASSIGN(const Found found, with_pages(objects_, pages, [&](const PageMap& have) {
                   return find_range(*root_, entry.first, entry.last, have);
                 }));
  Stats stats = entry.stats;
  for (const EntryPtr& other : found.entries)
    if (other->records == 0) merge_stats(stats, other->stats);
  // Rows that a column's statistics do not count may be null in the primary segment only.
  return !filter_->can_match(stats, UINT64_MAX);
}

Status RecordScan::load_upcoming() {
  while (upcoming_ == nullptr && !tree_done_) {
    if (!tree_) {
      tree_done_ = true;
      break;
    }
    DREAMDB_ASSIGN(const TreeCursor::Step step, tree_->next());
    if (!step.missing.empty()) {
      PageMap pages;
      DREAMDB_TRY(objects_.pages(step.missing, pages));
      DREAMDB_TRY(tree_->feed(step.missing[0].address, pages.find(step.missing[0].address)));
      continue;
    }
    if (step.entry == nullptr) {
      tree_done_ = true;
      break;
    }
    DREAMDB_ASSIGN(const bool skip, ruled_out(*step.entry));
    if (!skip) upcoming_ = step.entry;
  }
  return {};
}

Status RecordScan::activate(EntryPtr entry) {
  Cursor cursor{std::move(entry), {}, 0};
  if (cursor.entry->step == 0) {
    DREAMDB_ASSIGN(const auto segments, objects_.segments({&cursor.entry, 1}));
    DREAMDB_ASSIGN(const auto lists, anchor_lists(objects_, segments));
    cursor.list = lists[0];
  }
  if (cursor.current() < first_) cursor.row += cursor.rows_up_to(first_ - 1);
  if (!cursor.done()) active_.push_back(std::move(cursor));
  return {};
}

void RecordScan::emit(std::vector<uint64_t>& out, size_t rows_max) {
  // The segment with the least anchor goes on until another one, or the next, must come first.
  auto least = active_.begin();
  uint64_t bound = upcoming_ == nullptr ? last_ : std::min(last_, upcoming_->first);
  for (auto it = active_.begin(); it != active_.end(); ++it)
    if (it->current() < least->current()) least = it;
  for (auto it = active_.begin(); it != active_.end(); ++it)
    if (it != least) bound = std::min(bound, it->current());
  const uint64_t room = rows_max - out.size();
  const uint64_t rows = std::min(least->rows_up_to(bound), room);
  for (uint64_t i = 0; i < rows; ++i) out.push_back(least->at(least->row + i));
  least->row += rows;
  if (least->done() || least->current() > last_) active_.erase(least);
}

Result<Buffer> RecordScan::next(size_t rows_max) {
  if (!returned_.empty()) {
    Buffer anchors = std::move(returned_.front());
    returned_.pop_front();
    if (anchors.size() > rows_max * 8) {
      returned_.push_front(anchors.slice(rows_max * 8, anchors.size() - rows_max * 8));
      anchors = anchors.slice(0, rows_max * 8);
    }
    return anchors;
  }
  std::vector<uint64_t> out;
  out.reserve(std::min<size_t>(rows_max, 1u << 18));
  while (out.size() < rows_max) {
    DREAMDB_TRY(load_upcoming());
    const bool gap =
        active_.empty() || (upcoming_ != nullptr &&
                            std::any_of(active_.begin(), active_.end(), [this](const Cursor& c) {
                              return c.current() >= upcoming_->first;
                            }));
    if (upcoming_ != nullptr && gap) {
      DREAMDB_TRY(activate(std::exchange(upcoming_, nullptr)));
      continue;
    }
    if (active_.empty()) break;
    emit(out, rows_max);
  }
  const bool ascends =
      std::adjacent_find(out.begin(), out.end(), std::greater_equal<>()) == out.end() &&
      (out.empty() || !last_emitted_ || *last_emitted_ < out.front());
  if (!ascends)
    return fail(Code::kCorruption, "the record track of version " +
                                       std::to_string(manifest_->generation) +
                                       " does not list anchors in order, each once (S6.1, S6.3); "
                                       "restore its pages from a copy");
  if (!out.empty()) last_emitted_ = out.back();
  return Buffer::copy_of(std::as_bytes(std::span(out)));
}

void RecordScan::put_back(Buffer anchors) {
  if (!anchors.empty()) returned_.push_front(std::move(anchors));
}

}  // namespace dreamdb
