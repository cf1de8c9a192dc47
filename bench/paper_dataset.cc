#include "bench/paper_dataset.h"

#include <vector>

#include "bench/figure.h"
#include "dataset/space.h"
#include "version/commit.h"

namespace dreamdb::bench {

namespace {

// Up to 10^6 records pages are still filling up, and one that is full takes longest to read: from
// there on only the logarithm is left.
constexpr double kTimeBar = 1.5;
constexpr size_t kJobs = 15;

Entry entry_of(uint64_t i) {
  Entry entry;
  entry.first = i * kRowsASegment * kAnchorStep;
  entry.last = entry.first + (kRowsASegment - 1) * kAnchorStep;
  entry.step = kAnchorStep;
  entry.rows = entry.records = kRowsASegment;
  entry.child = Address::of(std::as_bytes(std::span(&i, 1)));
  entry.size = entry.bytes = kRowsASegment * kVectorBytes + 8192;
  entry.footer = 6000;
  return entry;
}

}  // namespace

Status make_pages(const std::string& folder, uint64_t segments, uint64_t deleted) {
  DREAMDB_ASSIGN(const Dataset dataset,
                 Dataset::create(locator_of(folder), schema_of(kPaperFields)));
  DREAMDB_ASSIGN(const auto space, Space::open("file://" + folder, 64 << 20, false));
  DREAMDB_ASSIGN(const Tip tip, load_tip(space->objects(), "main"));
  Change change;
  change.operation = "append";
  for (const FieldId track : {kRecordTrack, dataset.schema().fields()[0].id}) {
    std::vector<Entry>& entries = change.entries[track];
    for (uint64_t i = 0; i < segments; ++i) entries.push_back(entry_of(i));
  }
  for (uint64_t i = 0; i < deleted; ++i) change.tombstones[kRecordTrack].push_back(entry_of(i));
  Committer committer(space->objects(), space->runtime(), space->writer());
  DREAMDB_TRY(committer.commit(tip, std::move(change),
                               [](const Tip&, Change&) -> Result<bool> { return true; }));
  return {};
}

Result<JobCost> cost_of(const Dataset& dataset, const std::function<Status()>& job) {
  const StoreStats before = dataset.store_stats();
  DREAMDB_ASSIGN(const double seconds, timed(job));
  const StoreStats after = dataset.store_stats();
  const auto requests = [](const StoreStats& s) { return s.gets + s.puts + s.loads + s.swaps; };
  return JobCost{seconds * 1e3, static_cast<double>(requests(after) - requests(before)),
                 static_cast<double>(after.waves - before.waves)};
}

Status print_growth(const JobOfSize& what, const std::string& tenth_name, const CostedJob& job,
                    const CostedJob& tenth) {
  std::vector<double> requests, waves;
  Figure time(what.name + ", time", "ms", tenth_name);
  if (what.has_full_pages) time.at_most(kTimeBar);
  time.note = what.note;
  DREAMDB_ASSIGN(time, alternate(
                           std::move(time), kJobs,
                           [&]() -> Result<double> {
                             DREAMDB_ASSIGN(const JobCost cost, job());
                             requests.push_back(cost.requests);
                             waves.push_back(cost.waves);
                             return cost.milliseconds;
                           },
                           [&]() -> Result<double> {
                             DREAMDB_ASSIGN(const JobCost cost, tenth());
                             return cost.milliseconds;
                           }));
  time.ratio = time.ours / time.baseline;
  print(time);

  Figure cost(what.name + ", requests", "each",
              std::to_string(static_cast<int>(what.requests_bar)) + " requests");
  cost.at_most(1).note = std::to_string(static_cast<int>(median(waves))) + " waves";
  cost.ours = median(requests);
  cost.baseline = what.requests_bar;
  cost.ratio = cost.ours / cost.baseline;
  print(cost);
  return {};
}

}  // namespace dreamdb::bench
