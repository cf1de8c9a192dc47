// Search through a spatial index of a folder, with verification and versions on: queries a second
// at a recall@10 that is measured against a brute force of its own, one at a time on one thread and
// in batches, for queries like the data and like texts about it; and how long the index takes to
// build.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/clip_like.h"
#include "dataset/dataset_impl.h"
#include "store/far_store.h"
#include "store/folder_store.h"

namespace dreamdb::bench {

namespace {

constexpr size_t kTop = 10;
constexpr size_t kQueries = 200;
constexpr size_t kBatch = 100;
constexpr uint64_t kRows = 200'000, kQuickRows = 60'000, kFullRows = 1'000'000;
constexpr size_t kAppendRows = 20'000;
constexpr double kFarBarMs = 45;  // the median of a warm query over a store 20 ms away
constexpr double kLevels[] = {0.90, 0.95, 0.98, 0.99};
constexpr const char* kPresets[] = {"clustered", "resonant", "continuous"};

struct QuerySample {
  const char* name;
  std::vector<float> values;                // [kQueries, kDim]
  std::vector<std::vector<uint64_t>> best;  // anchors of the kTop nearest
};

double dot(const float* a, const float* b) {
  float lanes[16] = {};
  for (size_t j = 0; j < kDim; j += 16)
    for (size_t k = 0; k < 16; ++k) lanes[k] += a[j + k] * b[j + k];
  double sum = 0;
  for (const float lane : lanes) sum += static_cast<double>(lane);
  return sum;
}

uint64_t anchor_of(uint64_t row) { return row * 1000; }

class Corpus {
 public:
  Corpus(const ClipPreset& preset, uint64_t rows, const Settings& settings)
      : source_(preset, kDim, 1),
        rows_(rows),
        settings_(settings),
        in_{"in", {}, {}},
        out_{"out", {}, {}} {
    in_.values.resize(kQueries * kDim);
    out_.values.resize(kQueries * kDim);
    source_.queries_like_data(0, kQueries, in_.values.data());
    source_.queries_like_text(0, kQueries, out_.values.data());
  }

  // Appends all rows, and finds the nearest of the queries on the way.
  Status fill(Dataset& dataset) {
    std::vector<std::vector<std::pair<double, uint64_t>>> best(2 * kQueries);
    WriterOptions options;
    DREAMDB_ASSIGN(Writer writer, dataset.writer(options));
    std::vector<float> values(kAppendRows * kDim);
    for (uint64_t first = 0; first < rows_; first += kAppendRows) {
      const uint64_t count = std::min<uint64_t>(kAppendRows, rows_ - first);
      make(first, count, values);
      compare(first, count, values, best);
      DREAMDB_TRY(writer.append(rows_at(first, count, values)));
    }
    DREAMDB_TRY(writer.commit());
    for (size_t q = 0; q < best.size(); ++q) {
      QuerySample& sample = q < kQueries ? in_ : out_;
      sample.best.emplace_back();
      for (const auto& [key, anchor] : best[q]) sample.best.back().push_back(anchor);
    }
    return {};
  }

  const QuerySample& in() const { return in_; }
  const QuerySample& out() const { return out_; }

 private:
  void make(uint64_t first, uint64_t count, std::vector<float>& values) const {
    constexpr uint64_t kPiece = 500;
    (void)on_threads(settings_.threads, (count + kPiece - 1) / kPiece, [&](size_t i) -> Status {
      const uint64_t at = i * kPiece;
      source_.vectors(first + at, std::min(kPiece, count - at), values.data() + at * kDim);
      return {};
    });
  }

  void compare(uint64_t first, uint64_t count, const std::vector<float>& values,
               std::vector<std::vector<std::pair<double, uint64_t>>>& best) const {
    (void)on_threads(settings_.threads, best.size(), [&](size_t q) -> Status {
      const float* query =
          q < kQueries ? in_.values.data() + q * kDim : out_.values.data() + (q - kQueries) * kDim;
      auto& list = best[q];
      for (uint64_t i = 0; i < count; ++i) {
        const double key = -dot(query, values.data() + i * kDim);  // all of length 1
        if (list.size() == kTop && key >= list.back().first) continue;
        const std::pair<double, uint64_t> hit(key, anchor_of(first + i));
        list.insert(std::ranges::upper_bound(list, hit), hit);
        if (list.size() > kTop) list.pop_back();
      }
      return {};
    });
  }

  static NewRows rows_at(uint64_t first, uint64_t count, const std::vector<float>& values) {
    std::vector<uint64_t> anchors;
    for (uint64_t i = 0; i < count; ++i) anchors.push_back(anchor_of(first + i));
    NewRows rows;
    rows.rows = count;
    rows.anchors = Buffer::copy_of(std::as_bytes(std::span(anchors)));
    Column column;
    column.name = "embedding";
    column.type = FieldType::kEmbedding;
    column.shape = {kDim};
    column.values = Buffer::copy_of(std::as_bytes(std::span(values).first(count * kDim)));
    rows.columns.push_back(std::move(column));
    return rows;
  }

  const ClipLike source_;
  const uint64_t rows_;
  const Settings& settings_;
  QuerySample in_, out_;
};

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
  const uint64_t rows = settings.full ? kFullRows : settings.quick ? kQuickRows : kRows;
  for (const char* const name : kPresets) {
    const Scratch folder(settings.folder + "/index");
    Schema schema;
    Field field;
    field.name = "embedding";
    field.type = FieldType::kEmbedding;
    field.required = true;
    field.shape = {kDim};
    field.algorithm = "dreamdb.ivf-cosine";
    DREAMDB_TRY(schema.add(field));
    DREAMDB_ASSIGN(Dataset dataset, Dataset::create(locator_of(folder.path()), schema));
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
