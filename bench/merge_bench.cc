// Merge: two branches of 10,000 to 10,000,000 records that each added a thousand, on handles just
// opened. The records that both have are named by real pages and are not there: nothing reads them.
#include <sys/stat.h>
#include <unistd.h>

#include <deque>

#include "bench/benches.h"
#include "bench/paper_dataset.h"

namespace dreamdb::bench {

namespace {

constexpr double kRequestsBar = 30;
constexpr uint64_t kAdded = 1000;
constexpr uint64_t kFew = 10'000, kMany = 10'000'000;

// A dataset of which two branches are made for each merge.
class Forked {
 public:
  static Result<Forked> make(const std::string& folder, uint64_t records) {
    DREAMDB_TRY(make_pages(folder, records / kRowsASegment));
    DREAMDB_ASSIGN(Dataset main, Dataset::open(locator_of(folder)));
    return Forked(folder, std::move(main), records);
  }

  Result<JobCost> merge() {
    const std::string number = std::to_string(++merges_);
    DREAMDB_TRY(add("left" + number, records_));
    DREAMDB_TRY(add("right" + number, records_ + kAdded));
    DREAMDB_ASSIGN(Dataset target, open("left" + number));
    DREAMDB_ASSIGN(const Dataset source, open("right" + number));
    return cost_of(target, [&]() -> Status {
      DREAMDB_ASSIGN(const MergeReport report, target.merge(source));
      if (report.records == kAdded) return {};
      return fail(Code::kInternal, "merge: " + std::to_string(report.records) + " records came");
    });
  }

 private:
  Forked(std::string folder, Dataset main, uint64_t records)
      : folder_(std::move(folder)), main_(std::move(main)), records_(records) {}

  Result<Dataset> open(const std::string& branch) const {
    return Dataset::open("file://" + folder_ + "@" + branch);
  }

  Status add(const std::string& branch, uint64_t first) const {
    DREAMDB_ASSIGN(Dataset dataset, main_.branch(branch));
    const Records added(kPaperFields, first, kAdded);
    DREAMDB_TRY(dataset.append(added.rows(0, kAdded)));
    return {};
  }

  std::string folder_;
  Dataset main_;
  uint64_t records_;
  uint64_t merges_ = 0;
};

}  // namespace

Status merge_branches(const Settings& settings) {
  const Scratch in_memory("/dev/shm/dreamdb-bench-" + std::to_string(getpid()));
  const bool has_memory = mkdir(in_memory.path().c_str(), 0700) == 0;
  const std::string folder = has_memory ? in_memory.path() : settings.folder;
  const Scratch fewest(folder + "/merge-" + std::to_string(kFew));
  DREAMDB_ASSIGN(Forked tenth, Forked::make(fewest.path(), kFew));
  std::deque<Scratch> scratches;
  for (uint64_t records = 10 * kFew; records <= kMany; records *= 10) {
    const Scratch& scratch = scratches.emplace_back(folder + "/merge-" + std::to_string(records));
    DREAMDB_ASSIGN(Forked many, Forked::make(scratch.path(), records));
    DREAMDB_TRY(print_growth(
        {"merge, " + std::to_string(records) + " records", "1,000 more on each side", kRequestsBar,
         records == kMany},
        "a tenth of the records", [&] { return many.merge(); }, [&] { return tenth.merge(); }));
    tenth = std::move(many);
  }
  return {};
}

}  // namespace dreamdb::bench
