#include "dataset/tombstone_shelf.h"

#include <algorithm>
#include <mutex>

#include "track/record_scan.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

constexpr size_t kAnchorsAtOnce = 65'536;

Status read_tree(Objects& objects, const ManifestPtr& manifest, const Root& root,
                 std::vector<uint64_t>& out) {
  RecordScan scan = RecordScan::of_tombstones(objects, manifest, root, root.first, root.last);
  for (;;) {
    DREAMDB_ASSIGN(const Buffer some, scan.next(kAnchorsAtOnce));
    if (some.empty()) return {};
    const auto* anchors = reinterpret_cast<const uint64_t*>(some.data());
    out.insert(out.end(), anchors, anchors + some.size() / sizeof(uint64_t));
  }
}

}  // namespace

Result<std::shared_ptr<const AnchorSet>> TombstoneShelf::find(Objects& objects,
                                                              const ManifestPtr& manifest,
                                                              FieldId field) {
  const std::vector<const Root*> roots = tombstones_of(*manifest, field);
  std::string trees;
  uint64_t rows = 0;
  for (const Root* root : roots) {
    trees += root->page.text();
    rows += root->rows;
  }
  if (rows == 0 || rows > anchors_max_) return nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(kept_, trees, &Kept::trees);
    if (at != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, at);
      return at->set;
    }
  }
  std::vector<uint64_t> anchors;
  for (const Root* root : roots) DREAMDB_TRY(read_tree(objects, manifest, *root, anchors));
  std::ranges::sort(anchors);
  anchors.erase(std::ranges::unique(anchors).begin(), anchors.end());
  auto set = std::make_shared<const AnchorSet>(std::move(anchors));
  const std::lock_guard lock(mutex_);
  kept_.push_front({std::move(trees), set});
  if (kept_.size() > kKeptMax) kept_.pop_back();
  return set;
}

}  // namespace dreamdb
