// Deleting 1,000 records, on handles just opened, where 10,000 to 100,000,000 are deleted already
// and as many stand. They are named by real pages and are not there: nothing reads them.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "bench/benches.h"
#include "bench/paper_dataset.h"

namespace dreamdb::bench {

namespace {

// The ref and the manifest, a page of each level of two trees; a segment of tombstones, new pages
// on the way to it, the manifest, the swap.
constexpr double kRequestsBar = 12;
constexpr uint64_t kFew = 10'000, kMany = 100'000'000;
constexpr uint64_t kStandingMin = 64;  // segments, for as many deletions

class Deleted {
 public:
  static Result<Deleted> make(const std::string& folder, uint64_t tombstones) {
    const uint64_t deleted = tombstones / kRowsASegment;
    const uint64_t standing = std::max(deleted, kStandingMin);
    DREAMDB_TRY(make_pages(folder, deleted + standing, deleted));
    return Deleted(folder, deleted, standing);
  }

  // All records of a segment, as far from the last one as may be.
  Result<JobCost> remove() {
    const uint64_t segment = deleted_ + removed_++ * 7919 % standing_;
    std::vector<uint64_t> anchors(kRowsASegment);
    for (size_t i = 0; i < anchors.size(); ++i)
      anchors[i] = (segment * kRowsASegment + i) * kAnchorStep;
    DREAMDB_ASSIGN(Dataset dataset, Dataset::open(locator_of(folder_)));
    return cost_of(dataset, [&]() -> Status {
      DREAMDB_ASSIGN(const DeleteReport report, dataset.delete_records(anchors));
      if (report.deleted == anchors.size()) return {};
      return fail(Code::kInternal,
                  "delete: " + std::to_string(report.deleted) + " records were deleted");
    });
  }

 private:
  Deleted(std::string folder, uint64_t deleted, uint64_t standing)
      : folder_(std::move(folder)), deleted_(deleted), standing_(standing) {}

  std::string folder_;
  uint64_t deleted_, standing_;  // segments, when it was made
  uint64_t removed_ = 0;
};

}  // namespace

Status delete_records(const Settings& settings) {
  const Scratch in_memory("/dev/shm/dreamdb-bench-" + std::to_string(getpid()));
  const bool has_memory = mkdir(in_memory.path().c_str(), 0700) == 0;
  const std::string folder = has_memory ? in_memory.path() : settings.folder;
  const Scratch fewest(folder + "/delete-" + std::to_string(kFew));
  DREAMDB_ASSIGN(Deleted tenth, Deleted::make(fewest.path(), kFew));
  std::deque<Scratch> scratches;
  for (uint64_t tombstones = 10 * kFew; tombstones <= kMany; tombstones *= 10) {
    const Scratch& scratch =
        scratches.emplace_back(folder + "/delete-" + std::to_string(tombstones));
    DREAMDB_ASSIGN(Deleted many, Deleted::make(scratch.path(), tombstones));
    DREAMDB_TRY(print_growth(
        {"delete, " + std::to_string(tombstones) + " deleted before", "1,000 records", kRequestsBar,
         tombstones == kMany},
        "a tenth of that", [&] { return many.remove(); }, [&] { return tenth.remove(); }));
    tenth = std::move(many);
  }
  return {};
}

}  // namespace dreamdb::bench
