// Search through a spatial index of a folder, with verification and versions on: queries a second
// at a recall@10 that is measured against a brute force of its own, one at a time on one thread and
// in batches, for queries like the data and like texts about it; and how long the index takes to
// build.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/search_corpus.h"
#include "dataset/dataset_impl.h"
#include "store/far_store.h"
#include "store/folder_store.h"

namespace dreamdb::bench {

namespace {

constexpr size_t kBatch = 100;
constexpr double kFarBarMs = 45;  // the median of a warm query over a store 20 ms away
constexpr double kLevels[] = {0.90, 0.95, 0.98, 0.99};
constexpr const char* kPresets[] = {"clustered", "resonant", "continuous"};

struct Found {
  double recall = 0;
  SearchReport report;  // of all queries
};

// All queries, `at_once` in a call.
Result<Found> ask(const Dataset& dataset, const QuerySample& sample, const SearchOptions& options,
                  size_t at_once) {
  Found found;
  size_t met = 0, all = 0;
  for (size_t q = 0; q < kQueries; q += at_once) {
    DREAMDB_ASSIGN(
        const SearchAnswer answer,
        dataset.search("embedding", std::span(sample.values).subspan(q * kDim, at_once * kDim),
                       at_once, options));
    found.report.candidates += answer.report.candidates;
    found.report.codes += answer.report.codes;
    found.report.bytes += answer.report.bytes;
    for (size_t i = 0; i < at_once; ++i) {
      const Batch& rows = answer.hits[i].rows;
      for (const uint64_t anchor : sample.best[q + i]) {
        met += std::count(rows.anchors(), rows.anchors() + rows.rows(), anchor) > 0 ? 1 : 0;
        ++all;
      }
    }
  }
  found.recall = static_cast<double>(met) / static_cast<double>(all);
  return found;
}

// Who asks for a level says so: above 0.95 it also has more rows compared.
SearchOptions options_for(double level) {
  SearchOptions options;
  options.fields.emplace();
  options.recall = std::max(options.recall, level);
  return options;
}

// The fewest cells, in steps of a fifth, that reach each level; 0: all of them do not.
Result<std::vector<std::pair<size_t, Found>>> find_probes(const Dataset& dataset,
                                                          const QuerySample& sample, size_t cells) {
  std::vector<std::pair<size_t, Found>> out;
  size_t probes = 1;
  for (const double level : kLevels) {
    SearchOptions options = options_for(level);
    for (;;) {
      options.probes = std::min(probes, cells);
      DREAMDB_ASSIGN(const Found found, ask(dataset, sample, options, kBatch));
      if (found.recall >= level) {
        out.emplace_back(options.probes, found);
        break;
      }
      if (probes >= cells) {
        out.emplace_back(0, found);
        break;
      }
      probes += probes / 5 + 1;
    }
  }
  return out;
}

std::string note_of(size_t probes, const Found& found) {
  char text[160];
  std::snprintf(text, sizeof text,
                "recall %.3f, %zu cells; a query: %.1f exact rows, %.0f kB read; 100 queries at "
                "once look at %.0f codes",
                found.recall, probes, static_cast<double>(found.report.candidates) / kQueries,
                static_cast<double>(found.report.bytes) / kQueries / 1e3,
                static_cast<double>(found.report.codes) * kBatch / kQueries);
  return text;
}

Status measure(const Dataset& dataset, const QuerySample& sample, const std::string& preset,
               size_t cells, const Settings& settings) {
  SearchOptions exact;
  exact.fields.emplace();
  exact.exact = true;
  DREAMDB_ASSIGN(const auto levels, find_probes(dataset, sample, cells));
  for (size_t i = 0; i < levels.size(); ++i) {
    const auto& [probes, at_level] = levels[i];
    char name[96];
    for (const size_t at_once : {size_t{1}, kBatch}) {
      std::snprintf(name, sizeof name, "search %s %s @%.2f%s", preset.c_str(), sample.name,
                    kLevels[i], at_once == 1 ? "" : ", batches");
      Figure figure(name, "queries/s", "exact search");
      figure.note = note_of(probes, at_level);
      if (probes == 0) {
        figure.note = "missed: " + figure.note;
        print(figure);
        continue;
      }
      SearchOptions options = options_for(kLevels[i]);
      options.probes = probes;
      const auto rate = [&](const SearchOptions& asked) -> Result<double> {
        const double begin = now_seconds();
        DREAMDB_TRY(ask(dataset, sample, asked, at_once));
        return kQueries / (now_seconds() - begin);
      };
      const Side ours = [&] { return rate(options); };
      // Once is enough: it is slow, and here for the order of magnitude.
      static double exact_rate = 0;
      if (exact_rate == 0) {
        DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                         DREAMDB_TRY(dataset.search(
                             "embedding", std::span(sample.values).first(kDim), 1, exact));
                         return {};
                       }));
        exact_rate = 1 / seconds;
      }
      const Side baseline = [&]() -> Result<double> { return exact_rate; };
      DREAMDB_ASSIGN(figure, alternate(std::move(figure), settings.repeats, ours, baseline));
      print(figure);
    }
  }
  return {};
}

// Milliseconds of each query, one after the other, through a store 20 ms away in simulated time:
// what its waves and bytes take there and what the processor takes here. The first finds nothing in
// memory.
Status measure_far(const std::string& folder, const QuerySample& sample,
                   const std::string& preset) {
  DREAMDB_ASSIGN(std::shared_ptr<Store> near, open_folder_store(folder, false));
  const auto far = std::make_shared<FarStore>(std::move(near));
  DREAMDB_ASSIGN(const Dataset dataset,
                 open_in(Space::on(far, "far", OpenOptions().cache_bytes), "main"));
  SearchOptions options;
  options.fields.emplace();
  std::vector<double> warm;
  double cold = 0;
  uint64_t cold_waves = 0, waves = 0, requests = 0, bytes = 0;
  for (size_t q = 0; q < kQueries; ++q) {
    const uint64_t begin_ns = far->now_ns();
    const std::clock_t begin = std::clock();
    DREAMDB_ASSIGN(
        const SearchAnswer answer,
        dataset.search("embedding", std::span(sample.values).subspan(q * kDim, kDim), 1, options));
    const double took = static_cast<double>(far->now_ns() - begin_ns) / 1e6 +
                        1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    if (q == 0) {
      cold = took;
      cold_waves = answer.report.waves;
      continue;
    }
    warm.push_back(took);
    waves += answer.report.waves;
    requests += answer.report.requests;
    bytes += answer.report.bytes;
  }
  std::ranges::sort(warm);
  const auto count = static_cast<double>(warm.size());
  Figure figure("search-far " + preset + " " + sample.name, "ms", "two waves and 5 ms");
  figure.ours = median(warm);
  figure.ours_runs = {figure.ours};
  figure.baseline = kFarBarMs;
  figure.ratio = figure.ours / kFarBarMs;
  char text[200];
  std::snprintf(text, sizeof text,
                "p99 %.1f ms; a query: %.2f calls of the store, %.1f requests, %.0f kB; the first: "
                "%.0f ms in %lu calls",
                warm[warm.size() * 99 / 100], static_cast<double>(waves) / count,
                static_cast<double>(requests) / count, static_cast<double>(bytes) / count / 1e3,
                cold, static_cast<unsigned long>(cold_waves));
  figure.note = text;
  print(figure.at_most(1));
  return {};
}

}  // namespace

Status search_index(const Settings& settings) {
  const uint64_t rows = search_rows(settings);
  for (const char* const name : kPresets) {
    const Scratch folder(settings.folder + "/index");
    DREAMDB_ASSIGN(Dataset dataset, Dataset::create(locator_of(folder.path()), search_schema()));
    Corpus corpus(*find_clip_preset(name), rows, settings);
    DREAMDB_TRY(corpus.fill(dataset));
    IndexInfo info;
    DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                     DREAMDB_ASSIGN(info, dataset.reindex("embedding"));
                     return {};
                   }));
    Figure build(std::string("index-build ") + name, "rows/s", "");
    build.ours = static_cast<double>(rows) / seconds;
    build.ours_runs = {build.ours};
    build.note = std::to_string(rows) + " rows, " + std::to_string(info.cells) + " cells";
    print(build);
    OpenOptions warm;
    warm.cache_bytes = rows * kDim;  // a quarter of the vectors
    DREAMDB_ASSIGN(const Dataset reader, Dataset::open(locator_of(folder.path()), warm));
    for (const QuerySample* sample : {&corpus.in(), &corpus.out()}) {
      DREAMDB_TRY(measure(reader, *sample, name, info.cells, settings));
      DREAMDB_TRY(measure_far(folder.path(), *sample, name));
    }
  }
  return {};
}

}  // namespace dreamdb::bench
