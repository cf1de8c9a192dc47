#include "track/record_scan.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "dreamdb/interrupt.h"
#include "track/row_reader.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

// Segments whose footers and anchors are fetched at once: some MB where they are small.
constexpr size_t kSegmentsAheadMax = 512;
constexpr size_t kPagesAheadMax = 16;  // of one companion: up to 1 MiB

// What of a tree is read. Of the record track: primary segments.
std::function<bool(const Entry&)> entry_filter(const Root& root, const Manifest& manifest,
                                               const Filter* filter, bool has_layers,
                                               bool has_deleted_values) {
  if (&root != manifest.find_track(kRecordTrack)) return nullptr;
  // A layer may change what the statistics of the primary segment say; then segments are judged
  // one by one, together with the layers over them.
  const Filter* prune = has_layers ? nullptr : filter;
  return [prune, has_deleted_values](const Entry& entry) {
    // Statistics count values that are deleted: any row may be null.
    const uint64_t rows = has_deleted_values ? UINT64_MAX : entry.rows;
    return entry.records > 0 && (prune == nullptr || prune->can_match(entry.stats, rows));
  };
}

bool deletes_values(const Manifest& manifest) {
  return std::ranges::any_of(manifest.tombstones,
                             [](const Root& root) { return root.field != kRecordTrack; });
}

}  // namespace

RecordScan::RecordScan(Objects& objects, ManifestPtr manifest, uint64_t first, uint64_t last,
                       const Filter* filter, std::vector<const Root*> companions)
    : RecordScan(objects, manifest, manifest->find_track(kRecordTrack),
                 tombstones_of(*manifest, kRecordTrack), first, last, filter,
                 std::move(companions)) {}

RecordScan RecordScan::of_tombstones(Objects& objects, ManifestPtr manifest, const Root& root,
                                     uint64_t first, uint64_t last) {
  return RecordScan(objects, std::move(manifest), &root, {}, first, last, nullptr, {});
}

RecordScan::RecordScan(Objects& objects, ManifestPtr manifest, const Root* root,
                       std::vector<const Root*> hidden, uint64_t first, uint64_t last,
                       const Filter* filter, std::vector<const Root*> companions)
    : objects_(objects),
      manifest_(std::move(manifest)),
      root_(root),
      hidden_(std::move(hidden)),
      first_(first),
      last_(last),
      filter_(filter),
      has_layers_(root_ != nullptr && root_->rows != root_->records),
      has_deleted_values_(deletes_values(*manifest_)),
      companions_(std::move(companions)),
      companions_from_(first) {
  if (root_ != nullptr && first <= last)
    tree_.emplace(*root_, first, last,
                  entry_filter(*root_, *manifest_, filter, has_layers_, has_deleted_values_));
}

uint64_t RecordScan::Cursor::rows_up_to(uint64_t bound) const {
  if (entry->step > 0) {
    if (current() > bound) return 0;
    return std::min((bound - current()) / entry->step, entry->rows - row - 1) + 1;
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

// Finds the segments that the next `rows_wanted` anchors may come from, and the one after them,
// from the pages alone.
Status RecordScan::look_ahead(uint64_t rows_wanted) {
  uint64_t rows = 0;
  for (const Cursor& cursor : active_) rows += cursor.entry->rows - cursor.row;
  PageMap pages;
  while (tree_ && (upcoming_.empty() || rows + upcoming_rows_ <= rows_wanted) &&
         upcoming_.size() < kSegmentsAheadMax) {
    DREAMDB_ASSIGN(const TreeCursor::Step step, tree_->next());
    if (!step.missing.empty()) {
      std::vector<PageRef> wanted = step.missing;
      if (companions_from_ == first_)
        for (const Root* root : companions_) wanted.push_back({root->page, root->page_size});
      DREAMDB_TRY(objects_.pages(wanted, pages));
      DREAMDB_TRY(tree_->feed(step.missing[0].address, pages.find(step.missing[0].address)));
      continue;
    }
    if (step.entry == nullptr) {
      tree_.reset();
      break;
    }
    DREAMDB_ASSIGN(const bool skip, ruled_out(*step.entry));
    if (skip) continue;
    upcoming_rows_ += step.entry->rows;
    upcoming_.push_back({step.entry, {}, 0});
  }
  return {};
}

// One wave for the footers of the segments of the next rows and of the companions' at the same
// anchors, one for their lists of anchors.
Status RecordScan::fetch_footers(uint64_t rows_wanted) {
  std::vector<EntryPtr> entries;
  std::vector<Cursor*> own;
  uint64_t rows = 0;
  for (Cursor& cursor : upcoming_) {
    if (rows > 0 && rows >= rows_wanted) break;
    rows += cursor.entry->rows;
    if (std::exchange(cursor.is_fetched, true) || cursor.entry->step > 0) continue;
    entries.push_back(cursor.entry);
    own.push_back(&cursor);
  }
  if (!companions_.empty()) {
    DREAMDB_ASSIGN(const std::vector<EntryPtr> others, find_companions(rows_wanted));
    entries.insert(entries.end(), others.begin(), others.end());
  }
  DREAMDB_ASSIGN(const auto segments, objects_.segments(entries));
  std::vector<SegmentPtr> listed;
  for (size_t i = 0; i < entries.size(); ++i)
    if (entries[i]->step == 0) listed.push_back(segments[i]);
  DREAMDB_ASSIGN(const auto lists, anchor_lists(objects_, listed));
  for (size_t i = 0; i < own.size(); ++i) own[i]->list = lists[i];
  return {};
}

// The segments of the companions at about the next `rows_wanted` anchors: a guess where anchors are
// uneven, which costs a wave later where it is wrong.
Result<std::vector<EntryPtr>> RecordScan::find_companions(uint64_t rows_wanted) {
  std::vector<EntryPtr> out;
  if (!companions_from_) return out;
  uint64_t rows = 0;
  uint64_t until = 0;
  for (const Cursor& cursor : upcoming_) {
    const Entry& e = *cursor.entry;
    if (rows > 0 && rows >= rows_wanted) break;
    const uint64_t part = std::min(e.rows, rows_wanted - std::min(rows, rows_wanted));
    until = std::max(until, e.first + (e.last - e.first) / e.rows * part);
    rows += e.rows;
  }
  until = std::min(until, last_);
  if (until < *companions_from_) return out;
  const uint64_t span = until - *companions_from_;
  const uint64_t beyond = span > (UINT64_MAX - until) / 8 ? UINT64_MAX : until + 8 * span;
  PageMap pages;
  for (;;) {
    out.clear();
    std::vector<PageRef> missing;
    for (const Root* root : companions_) {
      DREAMDB_ASSIGN(Found found, find_range(*root, *companions_from_, until, pages));
      if (!found.missing.empty()) {
        // Pages further on come in the same wave, so that most calls find theirs in the cache.
        DREAMDB_ASSIGN(found, find_range(*root, *companions_from_, beyond, pages));
        if (found.missing.size() > kPagesAheadMax) found.missing.resize(kPagesAheadMax);
      }
      missing.insert(missing.end(), found.missing.begin(), found.missing.end());
      out.insert(out.end(), found.entries.begin(), found.entries.end());
    }
    if (missing.empty()) break;
    DREAMDB_TRY(objects_.pages(missing, pages));
  }
  companions_from_ = until == UINT64_MAX ? std::nullopt : std::optional(until + 1);
  return out;
}

// Begins the next segment.
Status RecordScan::activate(uint64_t rows_wanted) {
  if (!upcoming_.front().is_fetched) DREAMDB_TRY(fetch_footers(rows_wanted));
  Cursor cursor = std::move(upcoming_.front());
  upcoming_.pop_front();
  upcoming_rows_ -= cursor.entry->rows;
  if (cursor.current() < first_) cursor.row += cursor.rows_up_to(first_ - 1);
  if (!cursor.done()) active_.push_back(std::move(cursor));
  return {};
}

void RecordScan::emit(std::vector<uint64_t>& out, size_t rows_max) {
  // The segment with the least anchor goes on until another one, or the next, must come first.
  auto least = active_.begin();
  uint64_t bound = upcoming_.empty() ? last_ : std::min(last_, upcoming_.front().entry->first);
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

Result<std::vector<uint64_t>> RecordScan::next_standing(size_t rows_max) {
  std::vector<uint64_t> out;
  out.reserve(std::min<size_t>(rows_max, 1u << 18));
  DREAMDB_TRY(look_ahead(rows_max));
  while (out.size() < rows_max) {
    if (upcoming_.empty()) DREAMDB_TRY(look_ahead(rows_max - out.size()));
    const bool gap =
        active_.empty() ||
        (!upcoming_.empty() && std::any_of(active_.begin(), active_.end(), [this](const Cursor& c) {
          return c.current() >= upcoming_.front().entry->first;
        }));
    if (!upcoming_.empty() && gap) {
      DREAMDB_TRY(activate(rows_max - out.size()));
      continue;
    }
    if (active_.empty()) break;
    emit(out, rows_max);
  }
  const bool ascends =
      std::adjacent_find(out.begin(), out.end(), std::greater_equal<>()) == out.end() &&
      (out.empty() || !last_emitted_ || *last_emitted_ < out.front());
  if (!ascends)
    return fail(Code::kCorruption, "a track of version " + std::to_string(manifest_->generation) +
                                       " does not list anchors in order, each once (S6.1, S6.3); "
                                       "restore its pages from a copy");
  if (!out.empty()) last_emitted_ = out.back();
  return out;
}

Result<Buffer> RecordScan::next(size_t rows_max) {
  for (;;) {
    DREAMDB_ASSIGN(std::vector<uint64_t> anchors, next_standing(rows_max));
    const bool at_end = anchors.empty();
    DREAMDB_ASSIGN(const auto deleted, find_deleted(objects_, hidden_, anchors));
    if (!deleted.empty()) {
      size_t kept = 0;
      for (size_t i = 0; i < anchors.size(); ++i)
        if (!deleted[i]) anchors[kept++] = anchors[i];
      anchors.resize(kept);
    }
    if (at_end || !anchors.empty()) return Buffer::copy_of(std::as_bytes(std::span(anchors)));
    DREAMDB_TRY(check_interrupt());
  }
}

}  // namespace dreamdb
