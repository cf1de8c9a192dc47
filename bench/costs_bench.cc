// What a query through a spatial index asks of a far store: waves, requests and bytes, warm and
// cold, at 10^5 and 10^6 records, and at 10^9 of which only what the queries touch is there.
#include <algorithm>
#include <cmath>

#include "bench/benches.h"
#include "bench/search_corpus.h"
#include "bench/sketch.h"
#include "dataset/dataset_impl.h"
#include "search/kmeans.h"
#include "store/far_store.h"
#include "store/folder_store.h"

namespace dreamdb::bench {

namespace {

constexpr size_t kWarming = 30, kMeasured = 50;  // queries
constexpr double kWarmWaves = 2, kColdWaves = 6;
constexpr uint64_t kSketched = 1'000'000'000, kQuickSketched = 10'000'000;
constexpr uint64_t kLargeCache = 1ull << 30;
// Cells that a query looks into at 10^9 records: the middle of what is expected for a recall of
// 0.95 with cells of 4,096.
constexpr size_t kSketchProbes = 96;

// Of queries, one after the other.
struct Costs {
  std::vector<double> waves, requests, bytes;
  std::vector<double> cells, codes, rows;  // looked into, scanned, compared exactly

  void add(const SearchReport& report) {
    waves.push_back(static_cast<double>(report.waves));
    requests.push_back(static_cast<double>(report.requests));
    bytes.push_back(static_cast<double>(report.bytes));
    cells.push_back(static_cast<double>(report.cells));
    codes.push_back(static_cast<double>(report.codes));
    rows.push_back(static_cast<double>(report.reranked));
  }
};

struct Measured {
  std::string name;  // "10^6"
  uint64_t records = 0;
  Costs warm, cold;
};

class Asker {
 public:
  Asker(const std::string& folder, std::vector<float> queries, std::vector<uint64_t> in_doubt)
      : folder_(folder), queries_(std::move(queries)), in_doubt_(std::move(in_doubt)) {}

  Result<Measured> run(uint64_t cache_bytes = OpenOptions().cache_bytes) {
    DREAMDB_ASSIGN(std::shared_ptr<Store> near, open_folder_store(folder_, false));
    far_ = std::make_shared<FarStore>(std::move(near));
    cache_bytes_ = cache_bytes;
    Measured out;
    DREAMDB_TRY(run_warm(out));
    for (size_t q = kWarming; q < kWarming + kMeasured; ++q) {
      DREAMDB_ASSIGN(const Dataset cold, open());
      DREAMDB_ASSIGN(const SearchReport report, ask(cold, q));
      out.cold.add(report);
    }
    return out;
  }

 private:
  Status run_warm(Measured& out) const {
    DREAMDB_ASSIGN(const Dataset dataset, open());
    DREAMDB_ASSIGN(out.records, dataset.count());
    for (size_t q = 0; q < kWarming + kMeasured; ++q) {
      DREAMDB_ASSIGN(const SearchReport report, ask(dataset, q));
      if (q >= kWarming) out.warm.add(report);
    }
    return {};
  }

  Result<Dataset> open() const { return open_in(Space::on(far_, "far", cache_bytes_), "main"); }

  Result<SearchReport> ask(const Dataset& dataset, size_t q) const {
    SearchOptions options;
    options.fields.emplace();
    DREAMDB_ASSIGN(
        const SearchAnswer answer,
        dataset.search("embedding", std::span(queries_).subspan(q * kDim, kDim), 1, options));
    // What a sketch lacks is zeros, which would be compared all the same.
    if (in_doubt_.empty() || answer.report.reranked == in_doubt_[q]) return answer.report;
    return fail(Code::kInternal, "query " + std::to_string(q) + " compared " +
                                     std::to_string(answer.report.reranked) + " rows, not the " +
                                     std::to_string(in_doubt_[q]) + " that are there");
  }

  const std::string folder_;
  const std::vector<float> queries_;
  const std::vector<uint64_t> in_doubt_;  // of a sketch
  std::shared_ptr<FarStore> far_;
  uint64_t cache_bytes_ = 0;
};

Result<Measured> measure_real(const Settings& settings, uint64_t rows) {
  const Scratch folder(settings.folder + "/costs");
  DREAMDB_ASSIGN(Dataset dataset, Dataset::create(locator_of(folder.path()), search_schema()));
  Corpus corpus(*find_clip_preset("clustered"), rows, settings);
  DREAMDB_TRY(corpus.fill(dataset));
  DREAMDB_TRY(dataset.reindex("embedding"));
  return Asker(folder.path(), corpus.in().values, {}).run();
}

// allowed: 0 where nothing is said.
void print_cost(const std::string& name, const std::string& unit, const std::vector<double>& values,
                const std::string& against = "", double allowed = 0) {
  Figure figure(name, unit, against);
  figure.ours = median(values);
  figure.ours_runs = values;
  figure.note = "at most " + std::to_string(static_cast<uint64_t>(std::ranges::max(values)));
  if (allowed > 0) {
    figure.baseline = allowed;
    figure.ratio = figure.ours / allowed;
    figure.at_most(1);
  }
  print(figure);
}

// base: from which bytes may grow with the root of the records; nullptr: there is none.
void print_costs(const Measured& size, const Measured* base) {
  const std::string name = "search-costs " + size.name + " ";
  print_cost(name + "cells", "a query", size.warm.cells);
  print_cost(name + "codes", "a query", size.warm.codes);
  print_cost(name + "exact rows", "a query", size.warm.rows);
  for (const bool is_warm : {true, false}) {
    const Costs& costs = is_warm ? size.warm : size.cold;
    const std::string state = name + (is_warm ? "warm " : "cold ");
    print_cost(state + "waves", "a query", costs.waves, "the design",
               is_warm ? kWarmWaves : kColdWaves);
    print_cost(state + "requests", "a query", costs.requests);
    if (base == nullptr) {
      print_cost(state + "bytes", "a query", costs.bytes);
    } else {
      const double growth =
          std::sqrt(static_cast<double>(size.records) / static_cast<double>(base->records));
      print_cost(state + "bytes", "a query", costs.bytes, base->name + ", grown as the root",
                 median((is_warm ? base->warm : base->cold).bytes) * growth);
    }
  }
}

// With the cache that a handle has by default, and with a large one.
Status measure_sketch(const Settings& settings, const Measured& base) {
  const uint64_t rows = settings.quick ? kQuickSketched : kSketched;
  const std::string name = settings.quick ? "10^7" : "10^9";
  const Scratch folder(settings.folder + "/costs");
  DREAMDB_ASSIGN(Sketch sketch, make_sketch(folder.path(), {rows, default_cells(rows),
                                                            kSketchProbes, kWarming + kMeasured}));
  Asker asker(folder.path(), std::move(sketch.queries), std::move(sketch.in_doubt));
  DREAMDB_ASSIGN(Measured found, asker.run());
  found.name = name;
  print_costs(found, &base);
  DREAMDB_ASSIGN(found, asker.run(kLargeCache));
  found.name = name + ", 1 GiB cache,";
  print_costs(found, &base);
  return {};
}

}  // namespace

Status search_costs(const Settings& settings) {
  DREAMDB_ASSIGN(Measured largest, measure_real(settings, 100'000));
  largest.name = "10^5";
  print_costs(largest, nullptr);
  if (!settings.quick) {
    DREAMDB_ASSIGN(largest, measure_real(settings, 1'000'000));
    largest.name = "10^6";
    print_costs(largest, nullptr);
  }
  return measure_sketch(settings, largest);
}

}  // namespace dreamdb::bench
