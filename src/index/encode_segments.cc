#include "index/encode_segments.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "track/row_reader.h"

namespace dreamdb {

namespace {

constexpr size_t kListsAtOnce = 64;

// By anchor that several segments have: the greatest `seq` of those.
using NewestSeq = std::unordered_map<uint64_t, uint64_t>;

// use(entry, anchors) for each entry.
Status for_each_list(Objects& objects, std::span<const EntryPtr> entries,
                     const std::function<void(const Entry&, std::span<const uint64_t>)>& use) {
  for (size_t first = 0; first < entries.size(); first += kListsAtOnce) {
    const auto some = entries.subspan(first, std::min(kListsAtOnce, entries.size() - first));
    DREAMDB_ASSIGN(const auto segments, objects.segments(some));
    DREAMDB_ASSIGN(const auto lists, anchor_lists(objects, segments));
    for (size_t i = 0; i < some.size(); ++i)
      use(*some[i], {reinterpret_cast<const uint64_t*>(lists[i].data()), some[i]->rows});
  }
  return {};
}

// entries: ascending by `first`. Those whose range of anchors meets that of another.
std::vector<EntryPtr> overlapping(std::span<const EntryPtr> entries) {
  std::vector<EntryPtr> out;
  uint64_t last = 0;  // of all before
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool meets_before = i > 0 && entries[i]->first <= last;
    last = std::max(last, entries[i]->last);
    const bool meets_after = i + 1 < entries.size() && entries[i + 1]->first <= entries[i]->last;
    if (meets_before || meets_after) out.push_back(entries[i]);
  }
  return out;
}

Result<NewestSeq> find_repeated(Objects& objects, std::span<const EntryPtr> entries) {
  const auto candidates = overlapping(entries);
  std::vector<uint64_t> anchors;
  DREAMDB_TRY(for_each_list(objects, candidates, [&](const Entry&, auto list) {
    anchors.insert(anchors.end(), list.begin(), list.end());
  }));
  std::ranges::sort(anchors);
  NewestSeq newest;
  for (size_t i = 1; i < anchors.size(); ++i)
    if (anchors[i] == anchors[i - 1]) newest[anchors[i]] = 0;
  if (newest.empty()) return newest;
  DREAMDB_TRY(for_each_list(objects, candidates, [&](const Entry& entry, auto list) {
    for (const uint64_t anchor : list) {
      const auto at = newest.find(anchor);
      if (at != newest.end()) at->second = std::max(at->second, entry.seq);
    }
  }));
  return newest;
}

// Pieces without the rows of which another segment has a newer value.
class NewestRows {
 public:
  NewestRows(const NewestSeq& newest, size_t row_bytes) : newest_(newest), row_bytes_(row_bytes) {}

  std::vector<RowPiece> of(std::span<const RowPiece> pieces) {
    std::vector<RowPiece> out;
    for (const RowPiece& piece : pieces) {
      if (newest_.empty() || std::ranges::all_of(piece.anchors, [&](uint64_t anchor) {
            return is_newest(*piece.entry, anchor);
          })) {
        out.push_back(piece);
      } else {
        out.push_back(copy(piece));
      }
    }
    return out;
  }

 private:
  bool is_newest(const Entry& entry, uint64_t anchor) const {
    const auto at = newest_.find(anchor);
    return at == newest_.end() || at->second == entry.seq;
  }

  RowPiece copy(const RowPiece& piece) {
    Copied& copied = copies_.emplace_back();
    for (size_t i = 0; i < piece.anchors.size(); ++i) {
      if (!is_newest(*piece.entry, piece.anchors[i])) continue;
      const auto row = piece.values.subspan(i * row_bytes_, row_bytes_);
      copied.anchors.push_back(piece.anchors[i]);
      copied.values.insert(copied.values.end(), row.begin(), row.end());
    }
    return {piece.entry, copied.anchors, copied.values};
  }

  struct Copied {
    std::vector<uint64_t> anchors;
    std::vector<std::byte> values;
  };
  const NewestSeq& newest_;
  const size_t row_bytes_;
  std::deque<Copied> copies_;
};

}  // namespace

Result<std::vector<Entry>> encode_segments(Objects& objects, const SpatialIndex& index,
                                           const Field& field, const Address& spatial,
                                           std::span<const EntryPtr> entries, const Nonce& nonce,
                                           const Report& report) {
  DREAMDB_ASSIGN(const NewestSeq newest, find_repeated(objects, entries));
  uint64_t rows = 0, read = 0;
  for (const EntryPtr& entry : entries) rows += entry->rows;
  // Which cells are large is not known: parts of as many cells each.
  RowEncoder encoder(index, rows, std::vector<uint64_t>(index.cells(), 1));
  const auto encode = [&](std::span<const RowPiece> pieces) -> Status {
    DREAMDB_TRY(report("encode", read, rows));
    for (const RowPiece& piece : pieces) read += piece.anchors.size();
    NewestRows kept(newest, field.row_bytes());
    return encoder.add(kept.of(pieces), field.dtype);
  };
  DREAMDB_TRY(feed_rows(objects, field, entries, {}, encode));
  return encoder.finish(objects, nonce, field.id, spatial, report);
}

}  // namespace dreamdb
