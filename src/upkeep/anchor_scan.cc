#include "upkeep/anchor_scan.h"

#include <algorithm>
#include <utility>

#include "track/row_reader.h"

namespace dreamdb {

namespace {

constexpr uint64_t kRowsAhead = 1 << 20;
constexpr size_t kSegmentsAhead = 64;

}  // namespace

uint64_t AnchorScan::Cursor::anchor() const {
  return list.empty() ? entry->first + row * entry->step
                      : reinterpret_cast<const uint64_t*>(list.data())[row];
}

bool AnchorScan::Later::operator()(const Cursor& a, const Cursor& b) const {
  const uint64_t left = a.anchor(), right = b.anchor();
  return left != right ? left > right : entry_less(*b.entry, *a.entry);
}

AnchorScan::AnchorScan(Objects& objects, const Root& root, uint64_t first, uint64_t last,
                       std::function<bool(const Entry&)> keep)
    : objects_(objects), first_(first), last_(last), tree_(root, first, last, std::move(keep)) {}

Status AnchorScan::look_ahead() {
  std::vector<EntryPtr> listed;
  std::vector<Cursor*> own;
  for (uint64_t rows = 0; !is_read_ && rows < kRowsAhead && upcoming_.size() < kSegmentsAhead;) {
    DREAMDB_ASSIGN(EntryPtr entry, next_entry(objects_, tree_));
    is_read_ = entry == nullptr;
    if (is_read_) break;
    rows += entry->rows;
    upcoming_.push_back({std::move(entry), {}, 0});
    if (upcoming_.back().entry->step > 0) continue;
    own.push_back(&upcoming_.back());
    listed.push_back(upcoming_.back().entry);
  }
  DREAMDB_ASSIGN(const auto segments, objects_.segments(listed));
  DREAMDB_ASSIGN(const auto lists, anchor_lists(objects_, segments));
  for (size_t i = 0; i < own.size(); ++i) own[i]->list = lists[i];
  return {};
}

Status AnchorScan::next() {
  for (;;) {
    if (upcoming_.empty() && !is_read_) DREAMDB_TRY(look_ahead());
    const bool begins = !upcoming_.empty() && (active_.empty() || upcoming_.front().entry->first <=
                                                                      active_.top().anchor());
    if (begins) {
      active_.push(std::move(upcoming_.front()));
      upcoming_.pop_front();
      continue;
    }
    if (active_.empty()) {
      now_.reset();
      return {};
    }
    Cursor cursor = active_.top();
    active_.pop();
    const uint64_t anchor = cursor.anchor();
    const EntryPtr entry = cursor.entry;
    if (++cursor.row < entry->rows) active_.push(std::move(cursor));
    if (anchor < first_ || anchor > last_) continue;
    now_ = At{anchor, entry};
    return {};
  }
}

}  // namespace dreamdb
