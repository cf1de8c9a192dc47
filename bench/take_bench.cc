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
      read_and_hash(files_below(folder.path()), 1 << 20, 16 * 1024, settings.threads, total));

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

  Figure figure("take", "records/s", "200,000 records/s");
  figure.at_least(1);
  for (size_t run = 0; run < settings.repeats; ++run) {
    std::vector<std::vector<uint64_t>> lists;
    for (size_t i = 0; i < kTakesARun; ++i) lists.push_back(draw());
    DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                     for (const auto& anchors : lists) DREAMDB_TRY(take_once(anchors));
                     return {};
                   }));
    figure.ours_runs.push_back(kTakesARun * kTaken / seconds);
  }
  figure.ours = median(figure.ours_runs);
  figure.baseline = kRecordsASecond;
  figure.ratio = figure.ours / kRecordsASecond;
  figure.note = "1,000 of " + std::to_string(count) + " records at once";
  print(figure);
  return {};
}

}  // namespace dreamdb::bench
