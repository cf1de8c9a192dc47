// Growth: a small commit on a dataset that has had 10,000 of them, against one on a dataset that
// has had 100; in turn, so that what disturbs the machine falls on both.
#include <sys/stat.h>
#include <unistd.h>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"

namespace dreamdb::bench {

namespace {

constexpr double kBar = 1.5;
constexpr uint64_t kMany = 10'000;
constexpr uint64_t kFew = 100;
constexpr uint64_t kMeasured = 50;  // commits on each, around the one that is meant
constexpr uint64_t kRowsACommit = 10;
const Fields kFields{false, true, true};

// A dataset that grows by one small commit at a time.
class Grown {
 public:
  static Result<Grown> make(const std::string& folder) {
    DREAMDB_ASSIGN(Dataset dataset, Dataset::create(locator_of(folder), schema_of(kFields)));
    return Grown(std::move(dataset));
  }

  Status grow_to(uint64_t commits) {
    while (commits_ < commits) DREAMDB_TRY(commit());
    return {};
  }

  Status commit() {
    const Records records(kFields, commits_ * kRowsACommit, kRowsACommit);
    DREAMDB_TRY(dataset_.append(records.rows(0, kRowsACommit)));
    ++commits_;
    return {};
  }

  double requests() const {
    const StoreStats stats = dataset_.store_stats();
    return static_cast<double>(stats.gets + stats.puts + stats.loads + stats.swaps);
  }

 private:
  explicit Grown(Dataset dataset) : dataset_(std::move(dataset)) {}

  Dataset dataset_;
  uint64_t commits_ = 0;
};

Status grow(const Settings& settings, const std::string& where, const std::string& folder) {
  const uint64_t many = settings.quick ? kMany / 10 : kMany;
  const Scratch large_folder(folder + "/growth-large");
  const Scratch small_folder(folder + "/growth-small");
  DREAMDB_ASSIGN(Grown large, Grown::make(large_folder.path()));
  DREAMDB_ASSIGN(Grown small, Grown::make(small_folder.path()));
  DREAMDB_TRY(large.grow_to(many - kMeasured / 2));
  DREAMDB_TRY(small.grow_to(kFew - kMeasured / 2));
  settle_disk();

  const double requests_before[2] = {large.requests(), small.requests()};
  const auto milliseconds = [](Grown& grown) -> Result<double> {
    DREAMDB_ASSIGN(const double seconds, timed([&] { return grown.commit(); }));
    return seconds * 1e3;
  };
  const std::string name = "growth, " + where;
  const std::string against = "the " + std::to_string(kFew) + "th commit";
  Figure time(name + ", time", "ms", against);
  time.at_most(kBar).note = "commit " + std::to_string(many);
  DREAMDB_ASSIGN(time, alternate(
                           std::move(time), kMeasured, [&] { return milliseconds(large); },
                           [&] { return milliseconds(small); }));
  // Of single commits the medians are compared, not the pairs: a sync is a lottery.
  time.ratio = time.ours / time.baseline;
  print(time);

  Figure requests(name + ", requests", "a commit", against);
  requests.at_most(kBar).note = time.note;
  requests.ours = (large.requests() - requests_before[0]) / kMeasured;
  requests.baseline = (small.requests() - requests_before[1]) / kMeasured;
  requests.ratio = requests.ours / requests.baseline;
  print(requests);
  return {};
}

}  // namespace

Status growth(const Settings& settings) {
  const Scratch in_memory("/dev/shm/dreamdb-bench-" + std::to_string(getpid()));
  if (mkdir(in_memory.path().c_str(), 0700) == 0)
    DREAMDB_TRY(grow(settings, "tmpfs", in_memory.path()));
  return grow(settings, "disk", settings.folder);
}

}  // namespace dreamdb::bench
