#include "index/index_search.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "dreamdb/interrupt.h"
#include "index/code_refine.h"
#include "runtime/thread_pool.h"

namespace dreamdb {

namespace {

constexpr size_t kProbesGrowth = 4;
// An exact score so many half widths of its bounds away belongs to another value than the code: of
// a million true ones hardly any is.
constexpr float kOtherValue = 6 / kBoundDeviations;
constexpr float kRounding = 1e-5f;  // of an estimate
constexpr size_t kQueriesAtOnce = 256;
constexpr size_t kRowsReadAtOnce = 8192;

QuerySet one_query(const QuerySet& queries, size_t number) {
  // Its parts were checked when `queries` was made.
  return make_queries({queries.values() + number * queries.dim(), queries.dim()}, 1, queries.dim(),
                      queries.metric())
      .value();
}

// Values of some rows of a batch of one column, one behind the other.
std::vector<std::byte> gather(const Batch& batch, std::span<const uint64_t> anchors,
                              size_t row_bytes, std::vector<uint8_t>& keep) {
  const std::span<const uint64_t> held(batch.anchors(), batch.rows());
  std::vector<std::byte> rows(anchors.size() * row_bytes);
  keep.assign(anchors.size(), 0);
  for (size_t i = 0; i < anchors.size(); ++i) {
    const auto row = static_cast<size_t>(std::ranges::lower_bound(held, anchors[i]) - held.begin());
    keep[i] = batch.columns[0].is_valid(row);
    if (keep[i])
      std::memcpy(rows.data() + i * row_bytes, batch.columns[0].values.data() + row * row_bytes,
                  row_bytes);
  }
  return rows;
}

}  // namespace

Result<Batch> IndexSearch::read_values(std::span<const uint64_t> anchors) {
  const Field* const fields[] = {&field_};
  return reader_.read(Buffer::copy_of(std::as_bytes(anchors)), fields);
}

void IndexSearch::score(const Batch& values, std::span<const Candidate> candidates,
                        const QuerySet& query, size_t top_k, Search& search) const {
  std::vector<uint64_t> anchors;
  for (const Candidate& c : candidates) anchors.push_back(c.anchor);
  std::vector<uint8_t> keep;
  const auto rows = gather(values, anchors, field_.row_bytes(), keep);
  TopK scored(anchors.size());
  scan_exact(query, rows.data(), field_.dtype, anchors.data(), anchors.size(), keep.data(),
             {&scored, 1});
  // Codes of values that are not there any more: of none, or of another one.
  size_t others = anchors.size() - scored.size();
  search.best = TopK(top_k);
  search.best.merge(scored);
  std::unordered_map<uint64_t, float> keys;
  for (const Hit& hit : scored.take_sorted()) keys.emplace(hit.anchor, hit.key);
  for (const Candidate& c : candidates) {
    const auto key = keys.find(c.anchor);
    const float middle = (c.lower + c.upper) / 2, half = (c.upper - c.lower) / 2;
    if (key != keys.end() &&
        key->second < middle - kOtherValue * half - kRounding * std::abs(middle))
      ++others;
  }
  search.wanted = top_k + others;
}

Status IndexSearch::round(std::span<Search*> searches, const QuerySet& queries,
                          std::span<const size_t> numbers, const IndexSearchOptions& options) {
  ThreadPool& pool = shared_pool();
  pool.parallel_for(searches.size(), [&](size_t s) {
    ProbeQuery& query = searches[s]->query;
    query.cells = index_->finder().nearest(query.placed, query.prepared, searches[s]->probes);
  });
  std::vector<ProbeQuery> probes;
  std::vector<Candidates> found;
  std::vector<size_t> wanted;
  for (const Search* search : searches) {
    probes.push_back(search->query);
    found.emplace_back(search->wanted);
    wanted.push_back(search->wanted);
  }
  const std::vector<uint32_t> cells = union_of_cells(probes);
  DREAMDB_ASSIGN(const CodePlan plan, plan_cells(objects_, *index_, *place_->codes, cells));
  DREAMDB_TRY(scan_codes(objects_, plan, probes, options.filter, found));
  work_.cells += cells.size();
  work_.codes += plan.row_count;

  std::vector<std::vector<Candidate>> lists;
  for (Candidates& candidates : found) {
    lists.push_back(candidates.take_sorted());
    work_.candidates += lists.back().size();
  }
  if (index_->parts().bits > 1)
    DREAMDB_TRY(refine_codes(objects_, *index_, plan, probes, wanted, lists));
  std::vector<uint64_t> anchors;
  for (const auto& list : lists)
    for (const Candidate& c : list) anchors.push_back(c.anchor);
  std::ranges::sort(anchors);
  anchors.erase(std::ranges::unique(anchors).begin(), anchors.end());
  work_.reranked += anchors.size();
  DREAMDB_ASSIGN(const Batch values, read_values(anchors));
  pool.parallel_for(searches.size(), [&](size_t s) {
    score(values, lists[s], one_query(queries, numbers[s]), options.top_k, *searches[s]);
  });
  return {};
}

Result<std::vector<TopK>> IndexSearch::run(const QuerySet& queries,
                                           const IndexSearchOptions& options) {
  std::vector<TopK> out;
  if (!place_->codes || options.top_k == 0) {
    out.assign(queries.count(), TopK(options.top_k));
    return out;
  }
  const size_t cells = index_->cells();
  for (size_t first = 0; first < queries.count(); first += kQueriesAtOnce) {
    const size_t count = std::min(kQueriesAtOnce, queries.count() - first);
    std::vector<Search> searches;
    std::vector<float> placed(index_->frame().dim());
    for (size_t i = 0; i < count; ++i) {
      place_vector(index_->metric(),
                   {queries.values() + (first + i) * queries.dim(), queries.dim()}, placed);
      searches.push_back({ProbeQuery(*index_, placed), options.top_k,
                          std::clamp<size_t>(options.probes, 1, cells), TopK(options.top_k)});
    }
    std::vector<Search*> open;
    std::vector<size_t> numbers;
    for (size_t i = 0; i < count; ++i) open.push_back(&searches[i]), numbers.push_back(first + i);
    while (!open.empty()) {
      DREAMDB_TRY(check_interrupt());
      std::vector<size_t> before;
      for (const Search* search : open) before.push_back(search->wanted);
      DREAMDB_TRY(round(open, queries, numbers, options));
      std::vector<Search*> left;
      std::vector<size_t> left_numbers;
      for (size_t i = 0; i < open.size(); ++i) {
        Search& search = *open[i];
        const bool lacks = search.best.size() < options.top_k && search.probes < cells;
        const bool misled = search.wanted > before[i];
        if (!lacks && !misled) continue;
        if (lacks) search.probes = std::min(cells, search.probes * kProbesGrowth);
        left.push_back(&search);
        left_numbers.push_back(numbers[i]);
      }
      open = std::move(left);
      numbers = std::move(left_numbers);
    }
    for (Search& search : searches) out.push_back(std::move(search.best));
  }
  return out;
}

Result<std::vector<TopK>> IndexSearch::score_rows(const QuerySet& queries,
                                                  std::span<const uint64_t> anchors, size_t top_k) {
  std::vector<TopK> out(queries.count(), TopK(top_k));
  for (size_t first = 0; first < anchors.size(); first += kRowsReadAtOnce) {
    DREAMDB_TRY(check_interrupt());
    const auto part = anchors.subspan(first, std::min(kRowsReadAtOnce, anchors.size() - first));
    DREAMDB_ASSIGN(const Batch values, read_values(part));
    std::vector<uint8_t> keep(part.size());
    for (size_t i = 0; i < keep.size(); ++i) keep[i] = values.columns[0].is_valid(i);
    scan_exact(queries, values.columns[0].values.data(), field_.dtype, part.data(), part.size(),
               keep.data(), out);
    work_.reranked += part.size();
  }
  return out;
}

}  // namespace dreamdb
