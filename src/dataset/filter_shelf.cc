#include "dataset/filter_shelf.h"

#include <algorithm>
#include <mutex>

#include "dataset/reading.h"

namespace dreamdb {

namespace {

constexpr size_t kBatchRows = 65'536;

// Equal for equal questions of equal records: tracks and tombstones say which records there are.
std::string question_of(const Manifest& manifest, const Where& where, uint64_t start,
                        uint64_t end) {
  std::string out = where.to_string() + '\0' + std::to_string(start) + '-' + std::to_string(end);
  for (const auto* roots : {&manifest.tracks, &manifest.tombstones})
    for (const Root& root : *roots) out += '\0' + root.page.text();
  return out;
}

Result<Matches> read_matches(const std::shared_ptr<Objects>& objects, const ManifestPtr& manifest,
                             const Where& where, uint64_t start, uint64_t end, size_t matches_max) {
  ReadOptions read;
  read.fields.emplace();
  read.where = where;
  read.start = start;
  read.end = end;
  read.batch_rows = std::min(kBatchRows, matches_max);
  DREAMDB_ASSIGN(RowStreamOptions bound, bind_read(manifest, read));
  RowStream rows(objects, manifest, std::move(bound));
  std::vector<uint64_t> anchors;
  Matches out;
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, rows.next());
    if (!batch) break;
    if (anchors.size() + batch->rows() > matches_max) {
      out.next = batch->anchors()[0];
      break;
    }
    anchors.insert(anchors.end(), batch->anchors(), batch->anchors() + batch->rows());
  }
  out.set = std::make_shared<const AnchorSet>(std::move(anchors));
  return out;
}

}  // namespace

Result<Matches> FilterShelf::find(const std::shared_ptr<Objects>& objects,
                                  const ManifestPtr& manifest, const Where& where, uint64_t start,
                                  uint64_t end) {
  std::string question = question_of(*manifest, where, start, end);
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(kept_, question, &Kept::question);
    if (at != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, at);
      return at->matches;
    }
  }
  DREAMDB_ASSIGN(Matches matches, read_matches(objects, manifest, where, start, end, matches_max_));
  const uint64_t bytes = matches.set->memory_bytes() + question.size();
  const std::lock_guard lock(mutex_);
  if (bytes > kKeptBytes) return matches;
  kept_.push_front({std::move(question), matches});
  bytes_ += bytes;
  while (bytes_ > kKeptBytes) {
    bytes_ -= kept_.back().matches.set->memory_bytes() + kept_.back().question.size();
    kept_.pop_back();
  }
  return matches;
}

}  // namespace dreamdb
