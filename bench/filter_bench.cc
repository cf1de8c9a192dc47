// Search through a spatial index under filters: what is found of the exact answer, from a label
// that half of the rows have to one that one in ten thousand has, and for labels that no row near
// the query has.
#include <algorithm>
#include <cstdio>

#include "bench/search_corpus.h"

namespace dreamdb::bench {

namespace {

constexpr double kRecallBar = 0.95;
constexpr size_t kFarQueries = 50;  // those that reach furthest to the other side
constexpr const char* kPresets[] = {"clustered", "continuous"};

struct Filter {
  std::string name;
  Where where;
  std::vector<float> queries;  // [n, kDim]
};

struct Answer {
  std::vector<std::vector<uint64_t>> anchors;  // of each query
  double seconds = 0;
  SearchReport report;  // of the last query
};

// One query after the other.
Result<Answer> ask(const Dataset& dataset, const Filter& filter, bool exact) {
  SearchOptions options;
  options.fields.emplace();
  options.where = filter.where;
  options.exact = exact;
  Answer out;
  const double begin = now_seconds();
  for (size_t q = 0; q < filter.queries.size(); q += kDim) {
    DREAMDB_ASSIGN(
        SearchAnswer answer,
        dataset.search("embedding", std::span(filter.queries).subspan(q, kDim), 1, options));
    const Batch& rows = answer.hits[0].rows;
    out.anchors.emplace_back(rows.anchors(), rows.anchors() + rows.rows());
    out.report = std::move(answer.report);
  }
  out.seconds = now_seconds() - begin;
  return out;
}

Status measure(const Dataset& dataset, const Filter& filter, const std::string& preset) {
  DREAMDB_ASSIGN(const Answer truth, ask(dataset, filter, true));
  DREAMDB_TRY(ask(dataset, filter, false));
  DREAMDB_ASSIGN(const Answer found, ask(dataset, filter, false));
  size_t met = 0, all = 0, fewer = 0;
  for (size_t q = 0; q < truth.anchors.size(); ++q) {
    all += truth.anchors[q].size();
    fewer += found.anchors[q].size() < truth.anchors[q].size() ? 1 : 0;
    for (const uint64_t anchor : truth.anchors[q])
      met += std::ranges::count(found.anchors[q], anchor) > 0 ? 1 : 0;
  }
  Figure figure("search-filtered " + preset + " " + filter.name, "recall@10", "0.95");
  figure.ours = all == 0 ? 1 : static_cast<double>(met) / static_cast<double>(all);
  figure.ours_runs = {figure.ours};
  figure.baseline = kRecallBar;
  figure.ratio = figure.ours / kRecallBar;
  DREAMDB_ASSIGN(const uint64_t matches, dataset.count(filter.where));
  const auto queries = static_cast<double>(truth.anchors.size());
  char text[200];
  std::snprintf(text, sizeof text,
                "%lu rows match; %.0f queries/s, exactly %.0f; %zu with fewer hits; a query: %zu "
                "cells, %lu rows compared",
                static_cast<unsigned long>(matches), queries / found.seconds,
                queries / truth.seconds, fewer, found.report.probes,
                static_cast<unsigned long>(found.report.reranked + found.report.scanned));
  figure.note = text;
  print(figure.at_least(1));
  return {};
}

// The queries that reach furthest along the direction of `side`.
std::vector<float> far_queries(const Corpus& corpus) {
  const std::vector<float>& values = corpus.in().values;
  std::vector<std::pair<int64_t, size_t>> order;
  for (size_t q = 0; q < kQueries; ++q)
    order.emplace_back(-corpus.side_of(values.data() + q * kDim), q);
  std::ranges::sort(order);
  std::vector<float> out;
  for (size_t i = 0; i < kFarQueries; ++i) {
    const float* const query = values.data() + order[i].second * kDim;
    out.insert(out.end(), query, query + kDim);
  }
  return out;
}

// A number that about `part` of the rows have less than in `field`.
Result<int64_t> below(const Dataset& dataset, const std::string& field, double part,
                      uint64_t rows) {
  int64_t low = -100'000, high = 100'000;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    DREAMDB_ASSIGN(const uint64_t count,
                   dataset.count(Where::compare(field, Where::Op::kLess, middle)));
    (static_cast<double>(count) < part * static_cast<double>(rows) ? low : high) = middle;
  }
  return high;
}

}  // namespace

Status search_filtered(const Settings& settings) {
  const uint64_t rows = search_rows(settings);
  for (const char* const name : kPresets) {
    const Scratch folder(settings.folder + "/filtered");
    DREAMDB_ASSIGN(Dataset dataset, Dataset::create(locator_of(folder.path()), search_schema()));
    Corpus corpus(*find_clip_preset(name), rows, settings);
    DREAMDB_TRY(corpus.fill(dataset));
    DREAMDB_TRY(dataset.reindex("embedding"));
    OpenOptions warm;
    warm.cache_bytes = rows * kDim;  // a quarter of the vectors
    DREAMDB_ASSIGN(const Dataset reader, Dataset::open(locator_of(folder.path()), warm));
    std::vector<Filter> filters;
    for (const auto& [text, labels] :
         {std::pair("50 %", kLabels / 2), std::pair("10 %", kLabels / 10),
          std::pair("1 %", kLabels / 100), std::pair("0.1 %", kLabels / 1000),
          std::pair("0.01 %", kLabels / 10'000)})
      filters.push_back(
          {text, Where::compare("label", Where::Op::kLess, labels), corpus.in().values});
    for (const auto& [text, part] :
         {std::pair("10 %, none near", 0.1), std::pair("2 %, none near", 0.02)}) {
      DREAMDB_ASSIGN(const int64_t side, below(reader, "side", part, rows));
      filters.push_back(
          {text, Where::compare("side", Where::Op::kLess, side), far_queries(corpus)});
    }
    for (const Filter& filter : filters) DREAMDB_TRY(measure(reader, filter, name));
  }
  return {};
}

}  // namespace dreamdb::bench
