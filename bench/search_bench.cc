// Exact search: bytes of vectors scanned a second by one query on a handle that has them in memory,
// verified; against the bandwidth of memory, read by as many threads over as much of it.
#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"

namespace dreamdb::bench {

namespace {

constexpr double kBar = 0.8;
constexpr size_t kSearchesARun = 3;
constexpr size_t kManyQueries = 8;

struct Case {
  const char* name;
  Distance distance;
  size_t queries;
};

constexpr Case kCases[] = {
    {"search-exact inner-product", Distance::kInnerProduct, 1},
    {"search-exact cosine", Distance::kCosine, 1},
    {"search-exact l2", Distance::kL2, 1},
    {"search-exact inner-product, 8 queries", Distance::kInnerProduct, kManyQueries},
};

}  // namespace

Status search_exact(const Settings& settings) {
  const Fields fields{.embedding = true};
  const uint64_t count = settings.size_bytes / fields.row_bytes();
  const uint64_t bytes = count * kVectorBytes;
  const Scratch folder(settings.folder + "/search");
  DREAMDB_TRY(make_apart(folder.path(), fields, count));
  OpenOptions with_cache;
  with_cache.cache_bytes = bytes * 2;  // five eighths of it are for matrices
  DREAMDB_ASSIGN(const Dataset dataset, Dataset::open(locator_of(folder.path()), with_cache));
  const Records memory(fields, 0, count);
  std::vector<float> queries(kManyQueries * kDim);
  fill_floats(queries, 1ull << 60);
  const auto gigabytes = static_cast<double>(bytes * kSearchesARun) / 1e9;

  for (const Case& each : kCases) {
    SearchOptions options;
    options.distance = each.distance;
    options.fields.emplace();
    const auto search_once = [&]() -> Status {
      DREAMDB_TRY(dataset.search("embedding", std::span(queries).first(each.queries * kDim),
                                 each.queries, options));
      return {};
    };
    DREAMDB_TRY(search_once());  // fills the handle's cache
    const Side ours = [&]() -> Result<double> {
      DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                       for (size_t i = 0; i < kSearchesARun; ++i) DREAMDB_TRY(search_once());
                       return {};
                     }));
      return gigabytes / seconds;
    };
    const Side baseline = [&]() -> Result<double> {
      double seconds = 0;
      for (size_t i = 0; i < kSearchesARun; ++i)
        seconds += read_memory(memory.vectors().span(), settings.threads);
      return gigabytes / seconds;
    };
    Figure figure(each.name, "GB/s", "read as much memory");
    if (each.queries == 1) figure.at_least(kBar);
    DREAMDB_ASSIGN(figure, alternate(std::move(figure), settings.repeats, ours, baseline));
    print(figure);
  }
  return {};
}

}  // namespace dreamdb::bench
