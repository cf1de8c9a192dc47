// Merge: two branches of 10,000 to 10,000,000 records that each added a thousand, on handles just
// opened. The records that both have are named by real pages and are not there: nothing reads them.
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <vector>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/paper_dataset.h"

namespace dreamdb::bench {

namespace {

constexpr double kRequestsBar = 30;
// Up to 10^6 records pages are still filling up, and one that is full takes longest to read: from
// there on only the logarithm is left.
constexpr double kTimeBar = 1.5;
constexpr uint64_t kAdded = 1000;
constexpr uint64_t kFew = 10'000, kMany = 10'000'000;
constexpr size_t kMerges = 15;

struct Cost {
  double milliseconds = 0, requests = 0, waves = 0;
};

// A dataset of which two branches are made for each merge.
class Forked {
 public:
  static Result<Forked> make(const std::string& folder, uint64_t records) {
    DREAMDB_TRY(make_pages(folder, records / kRowsASegment));
    DREAMDB_ASSIGN(Dataset main, Dataset::open(locator_of(folder)));
    return Forked(folder, std::move(main), records);
  }

  Result<Cost> merge() {
    const std::string number = std::to_string(++merges_);
    DREAMDB_TRY(add("left" + number, records_));
    DREAMDB_TRY(add("right" + number, records_ + kAdded));
    DREAMDB_ASSIGN(Dataset target, open("left" + number));
    DREAMDB_ASSIGN(const Dataset source, open("right" + number));
    const StoreStats before = target.store_stats();
    DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                     DREAMDB_ASSIGN(const MergeReport report, target.merge(source));
                     if (report.records == kAdded) return {};
                     return fail(Code::kInternal,
                                 "merge: " + std::to_string(report.records) + " records came");
                   }));
    const StoreStats after = target.store_stats();
    const auto requests = [](const StoreStats& s) { return s.gets + s.puts + s.loads + s.swaps; };
    return Cost{seconds * 1e3, static_cast<double>(requests(after) - requests(before)),
                static_cast<double>(after.waves - before.waves)};
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

// The merges of one dataset in turn with those of a tenth of it.
Status measure(uint64_t records, Forked& many, Forked& tenth, bool has_full_pages) {
  const std::string name = "merge, " + std::to_string(records) + " records";
  std::vector<double> requests, waves;
  Figure time(name + ", time", "ms", "a tenth of the records");
  if (has_full_pages) time.at_most(kTimeBar);
  time.note = "1,000 more on each side";
  DREAMDB_ASSIGN(time, alternate(
                           std::move(time), kMerges,
                           [&]() -> Result<double> {
                             DREAMDB_ASSIGN(const Cost cost, many.merge());
                             requests.push_back(cost.requests);
                             waves.push_back(cost.waves);
                             return cost.milliseconds;
                           },
                           [&]() -> Result<double> {
                             DREAMDB_ASSIGN(const Cost cost, tenth.merge());
                             return cost.milliseconds;
                           }));
  time.ratio = time.ours / time.baseline;
  print(time);

  Figure cost(name + ", requests", "a merge", "30 requests");
  cost.at_most(1).note = std::to_string(static_cast<int>(median(waves))) + " waves";
  cost.ours = median(requests);
  cost.baseline = kRequestsBar;
  cost.ratio = cost.ours / cost.baseline;
  print(cost);
  return {};
}

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
    DREAMDB_TRY(measure(records, many, tenth, records == kMany));
    tenth = std::move(many);
  }
  return {};
}

}  // namespace dreamdb::bench
