// Open: a dataset of a million segments against one of ten, each opened anew and counted; and a
// small append on each. The segments are named by real pages but are not there: nothing here reads
// one.
#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"
#include "bench/paper_dataset.h"

namespace dreamdb::bench {

namespace {

constexpr double kBar = 2;
constexpr uint64_t kMany = 1'000'000;
constexpr uint64_t kFew = 10;
constexpr size_t kOpensARun = 20;
const Fields kFields = kPaperFields;

Result<double> open_milliseconds(const std::string& folder, uint64_t segments) {
  DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                   for (size_t i = 0; i < kOpensARun; ++i) {
                     DREAMDB_ASSIGN(const Dataset dataset, Dataset::open(locator_of(folder)));
                     DREAMDB_ASSIGN(const uint64_t count, dataset.count());
                     if (count < segments * kRowsASegment)
                       return fail(Code::kInternal, "open: counted " + std::to_string(count));
                   }
                   return {};
                 }));
  return seconds / kOpensARun * 1e3;
}

// Opens, and appends ten rows after the end.
Result<double> append_milliseconds(const std::string& folder, uint64_t& next) {
  const Records records(kFields, next, 10);
  next += records.count();
  DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                   DREAMDB_ASSIGN(Dataset dataset, Dataset::open(locator_of(folder)));
                   DREAMDB_TRY(dataset.append(records.rows(0, records.count())));
                   return {};
                 }));
  return seconds * 1e3;
}

}  // namespace

Status open_million(const Settings& settings) {
  const Scratch large(settings.folder + "/open-large");
  const Scratch small(settings.folder + "/open-small");
  DREAMDB_TRY(make_pages(large.path(), kMany));
  DREAMDB_TRY(make_pages(small.path(), kFew));
  settle_disk();
  const std::string against = "one of 10 segments";

  Figure open("open, 1,000,000 segments", "ms", against);
  open.at_most(kBar).note = "open and count";
  DREAMDB_ASSIGN(open, alternate(
                           std::move(open), settings.repeats,
                           [&] { return open_milliseconds(large.path(), kMany); },
                           [&] { return open_milliseconds(small.path(), kFew); }));
  print(open);

  uint64_t next_large = kMany * kRowsASegment;
  uint64_t next_small = kFew * kRowsASegment;
  Figure append("append, 1,000,000 segments", "ms", against);
  append.note = "open and append 10 rows";
  DREAMDB_ASSIGN(append, alternate(
                             std::move(append), settings.repeats * 5,
                             [&] { return append_milliseconds(large.path(), next_large); },
                             [&] { return append_milliseconds(small.path(), next_small); }));
  print(append);
  return {};
}

}  // namespace dreamdb::bench
