// Take: 1,000 records scattered over a million, with embedding and two scalars, from a folder in
// the page cache; against the bar of 200,000 records a second.
#include <random>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"

namespace dreamdb::bench {

namespace {

constexpr double kRecordsASecond = 200'000;
constexpr size_t kTaken = 1000;
constexpr uint64_t kRecords = 1'000'000;
constexpr size_t kTakesARun = 20;
constexpr uint64_t kBlockBytes = 16 * 1024;  // what is verified, and so read, for one vector

}  // namespace

Status take(const Settings& settings) {
  const uint64_t count = settings.quick ? kRecords / 10 : kRecords;
  const Fields fields{.embedding = true, .scalars = true};
  const Scratch folder(settings.folder + "/take");
  DREAMDB_TRY(make_apart(folder.path(), fields, count));
  DREAMDB_ASSIGN(const Dataset dataset, Dataset::open(locator_of(folder.path())));
  settle_disk();
  uint64_t total = 0;
  DREAMDB_TRY(
      read_and_hash(files_below(folder.path()), 1 << 20, kBlockBytes, settings.threads, total));

  std::mt19937_64 random(7);
  const auto draw = [&] {
    std::vector<uint64_t> anchors(kTaken);
    for (uint64_t& anchor : anchors) anchor = random() % count * kAnchorStep;
    return anchors;
  };
  const auto take_once = [&](const std::vector<uint64_t>& anchors) -> Status {
    DREAMDB_ASSIGN(const Batch batch, dataset.take(anchors));
    if (batch.rows() == anchors.size()) return {};
    return fail(Code::kInternal, "take: " + std::to_string(batch.rows()) + " records");
  };
  DREAMDB_TRY(take_once(draw()));  // a warm handle: pages and footers are in its cache

  const Side ours = [&]() -> Result<double> {
    std::vector<std::vector<uint64_t>> lists;
    for (size_t i = 0; i < kTakesARun; ++i) lists.push_back(draw());
    DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                     for (const auto& anchors : lists) DREAMDB_TRY(take_once(anchors));
                     return {};
                   }));
    return kTakesARun * kTaken / seconds;
  };
  const std::vector<std::string> files = files_below(folder.path() + "/segments");
  const Side baseline = [&]() -> Result<double> {
    DREAMDB_ASSIGN(const double seconds,
                   read_scattered(files, kTakesARun * kTaken, kBlockBytes, settings.threads));
    return kTakesARun * kTaken / seconds;
  };
  Figure overhead("take, overhead", "records/s", "read and hash as many blocks");
  overhead.note = "1,000 of " + std::to_string(count) + " records at once";
  DREAMDB_ASSIGN(overhead, alternate(std::move(overhead), settings.repeats, ours, baseline));
  Figure figure("take", "records/s", "200,000 records/s");
  figure.at_least(1).note = overhead.note;
  figure.ours_runs = overhead.ours_runs;
  figure.ours = overhead.ours;
  figure.baseline = kRecordsASecond;
  figure.ratio = figure.ours / kRecordsASecond;
  print(figure);
  print(overhead);
  return {};
}

}  // namespace dreamdb::bench
