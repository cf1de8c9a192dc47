#include "index/index_search.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

#include "dreamdb/interrupt.h"
#include "index/cell_choice.h"
#include "index/code_refine.h"
#include "runtime/carried.h"
#include "runtime/stopwatch.h"
#include "runtime/thread_pool.h"

namespace dreamdb {

namespace {

constexpr size_t kProbesGrowth = 4;
// More cells than so many times those that were read are worth another look.
constexpr size_t kWorthMore = 2;
// Of the best hits of a search: more of them in the outer half of its cells say that there are
// others beyond.
constexpr double kEdgePart = 0.1;
constexpr size_t kEdgeCellsMin = 8;
// Rows near a query among which it is counted what a filter lets through.
constexpr uint64_t kCountedRows = 2048;
constexpr uint64_t kRerankBytes = 64 << 20;  // of values at a time
// By how much more than its share a filter widens the search at most. Codes are cheap: with this,
// filters of 20 to 1 % found as much as none did where they left a cluster of 100 rows few of them.
constexpr double kFurtherMax = 4;
// An exact score so many deviations away belongs to another value than the code: of a million true
// ones hardly any is.
constexpr float kOtherValue = 6;
constexpr float kRounding = 1e-5f;  // of an estimate
constexpr size_t kQueriesAtOnce = 256;
// Of a row of codes besides the bits: its anchor and the factors of both runs.
constexpr uint64_t kCodeFactorsBytes = 32;
constexpr size_t kRowsReadAtOnce = 8192;

// Rows of a batch of one column that stand one behind the other.
struct DenseRows {
  std::vector<uint64_t> anchors;
  std::vector<uint8_t> keep;        // 0: there is no value
  std::vector<std::byte> gathered;  // empty where all of the batch are wanted
  const std::byte* values = nullptr;
};

// Those of the candidates, which are all in the batch.
DenseRows rows_of(const Batch& batch, std::span<const Candidate> candidates, size_t row_bytes) {
  const std::span<const uint64_t> held(batch.anchors(), batch.rows());
  const Column& column = batch.columns[0];
  DenseRows out;
  if (candidates.size() == held.size()) {
    out.anchors.assign(held.begin(), held.end());
    out.keep.resize(held.size());
    for (size_t i = 0; i < held.size(); ++i) out.keep[i] = column.is_valid(i);
    out.values = column.values.data();
    return out;
  }
  out.gathered.resize(candidates.size() * row_bytes);
  for (const Candidate& candidate : candidates) {
    const auto row =
        static_cast<size_t>(std::ranges::lower_bound(held, candidate.anchor) - held.begin());
    out.keep.push_back(column.is_valid(row));
    if (out.keep.back())
      std::memcpy(out.gathered.data() + out.anchors.size() * row_bytes,
                  column.values.data() + row * row_bytes, row_bytes);
    out.anchors.push_back(candidate.anchor);
  }
  out.values = out.gathered.data();
  return out;
}

// How many rows less than `top_k` have lower bounds that reach the threshold: codes of one anchor,
// of its newest value and of older ones, have made it together, and it is too high.
size_t rows_lacking(float threshold, std::span<const Candidate> rows, size_t top_k) {
  if (threshold == -std::numeric_limits<float>::infinity()) return 0;
  const auto count = static_cast<size_t>(
      std::ranges::count_if(rows, [&](const Candidate& c) { return c.lower >= threshold; }));
  return count < top_k ? top_k - count : 0;
}

}  // namespace

void IndexWork::add(const IndexWork& other) {
  cells += other.cells;
  codes += other.codes;
  candidates += other.candidates;
  reranked += other.reranked;
  probes = std::max(probes, other.probes);
  cell_seconds += other.cell_seconds;
  code_seconds += other.code_seconds;
  row_seconds += other.row_seconds;
}

Result<Batch> IndexSearch::read_values(std::span<const uint64_t> anchors) {
  const Field* const fields[] = {&field_};
  DREAMDB_ASSIGN(RowPlan plan, reader_.plan(Buffer::copy_of(std::as_bytes(anchors)), fields));
  plan.keeps_rows_of = field_.id;
  return reader_.fetch(plan);
}

void IndexSearch::score(const Batch& values, std::span<const Candidate> candidates,
                        const QuerySet& query, Search& search) const {
  const DenseRows rows = rows_of(values, candidates, field_.row_bytes());
  const size_t count = rows.anchors.size();
  TopK scored(count);
  scan_exact(query, rows.values, field_.dtype, rows.anchors.data(), count, rows.keep.data(),
             {&scored, 1});
  // Codes of values that are not there any more: of none, or of another one.
  size_t others = count - scored.size();
  search.best.merge(scored);
  std::vector<Hit> hits = scored.take_sorted();
  std::ranges::sort(hits, {}, &Hit::anchor);
  // In half widths of the bounds.
  const float far = kOtherValue / search.query.deviations.last(index_->parts().bits);
  for (const Candidate& c : candidates) {
    const auto hit = std::ranges::lower_bound(hits, c.anchor, {}, &Hit::anchor);
    const float middle = (c.lower + c.upper) / 2, half = (c.upper - c.lower) / 2;
    if (hit != hits.end() && hit->anchor == c.anchor &&
        hit->key < middle - far * half - kRounding * std::abs(middle))
      ++others;
  }
  search.wanted += others;
}

bool IndexSearch::is_at_edge(const Search& search, std::span<const Candidate> candidates) {
  const std::vector<CellHit>& cells = search.query.cells;
  if (cells.size() < kEdgeCellsMin) return false;
  std::vector<uint32_t> outer;
  for (size_t i = cells.size() / 2; i < cells.size(); ++i) outer.push_back(cells[i].cell);
  std::ranges::sort(outer);
  TopK best = search.best;
  std::vector<uint64_t> anchors;
  for (const Hit& hit : best.take_sorted()) anchors.push_back(hit.anchor);
  std::ranges::sort(anchors);
  const auto count = std::ranges::count_if(candidates, [&](const Candidate& c) {
    return std::ranges::binary_search(anchors, c.anchor) &&
           std::ranges::binary_search(outer, c.cell);
  });
  return static_cast<double>(count) > kEdgePart * static_cast<double>(anchors.size());
}

Status IndexSearch::round(std::span<Search*> searches, const QuerySet& queries,
                          std::span<const size_t> numbers, const IndexSearchOptions& options) {
  Stopwatch watch;
  std::vector<ProbeQuery> probes;
  std::vector<Candidates> found;
  std::vector<size_t> wanted, counts;
  for (Search* search : searches) {
    probes.push_back(std::move(search->query));
    found.emplace_back(search->wanted);
    wanted.push_back(search->wanted);
    counts.push_back(search->probes);
    if (options.plain_probes == 0) continue;
    const uint64_t cell_rows = place_->codes->rows / index_->cells() + 1;
    probes.back().counted = std::max<size_t>(options.plain_probes, kCountedRows / cell_rows);
  }
  DREAMDB_TRY(choose_cells(objects_, *index_, probes, counts, *place_->codes, tracks_));
  work_.cell_seconds += watch.lap();
  const std::vector<uint32_t> cells = union_of_cells(probes);
  DREAMDB_ASSIGN(const CodePlan plan, plan_cells(objects_, *index_, *place_->codes, cells));
  DREAMDB_TRY(scan_codes(objects_, plan, probes, options.filter, found));
  work_.cells += cells.size();
  work_.codes += plan.row_count;

  std::vector<std::vector<Candidate>> lists;
  std::vector<size_t> lacking;
  for (Candidates& candidates : found) {
    lists.push_back(candidates.take());
    lacking.push_back(rows_lacking(candidates.threshold(), lists.back(), options.top_k));
    work_.candidates += lists.back().size();
  }
  if (index_->parts().bits > 1)
    DREAMDB_TRY(refine_codes(objects_, *index_, plan, probes, wanted, lists));
  work_.code_seconds += watch.lap();
  for (size_t s = 0; s < searches.size(); ++s) searches[s]->query = std::move(probes[s]);
  DREAMDB_TRY(rerank(searches, lists, queries, numbers, options));
  work_.row_seconds += watch.lap();
  for (size_t s = 0; s < searches.size(); ++s)
    if (lacking[s] > 0) searches[s]->wanted = std::max(searches[s]->wanted, wanted[s] + lacking[s]);
  if (options.plain_probes == 0) return {};
  for (size_t s = 0; s < searches.size(); ++s) {
    const size_t needed =
        probes_under_filter(options.plain_probes, found[s].part_passed(), index_->cells());
    searches[s]->is_narrow =
        needed > kWorthMore * searches[s]->probes || is_at_edge(*searches[s], lists[s]);
  }
  return {};
}

Status IndexSearch::rerank(std::span<Search*> searches,
                           std::span<const std::vector<Candidate>> lists, const QuerySet& queries,
                           std::span<const size_t> numbers, const IndexSearchOptions& options) {
  struct Piece {
    size_t search;
    std::span<const Candidate> rows;
  };
  const size_t rows_max = std::max<size_t>(1, kRerankBytes / field_.row_bytes());
  std::vector<Piece> pieces;  // of different searches
  at_hand_.reset();
  const auto score_pieces = [&]() -> Status {
    std::vector<uint64_t> anchors;
    for (const Piece& piece : pieces)
      for (const Candidate& c : piece.rows) anchors.push_back(c.anchor);
    if (pieces.size() > 1) {
      std::ranges::sort(anchors);
      anchors.erase(std::ranges::unique(anchors).begin(), anchors.end());
    }
    work_.reranked += anchors.size();
    DREAMDB_TRY(check_interrupt());
    DREAMDB_ASSIGN(Batch values, read_values(anchors));
    shared_pool().parallel_for(pieces.size(), [&](size_t p) {
      const size_t s = pieces[p].search;
      if (queries.count() == 1) return score(values, pieces[p].rows, queries, *searches[s]);
      score(values, pieces[p].rows, queries.only(numbers[s]), *searches[s]);
    });
    pieces.clear();
    at_hand_.reset();
    if (options.seen != nullptr) at_hand_ = std::move(values);  // of several pieces the last
    return {};
  };
  size_t held = 0;
  for (size_t s = 0; s < searches.size(); ++s) {
    searches[s]->best = TopK(options.top_k);
    searches[s]->wanted = options.top_k;
    for (std::span<const Candidate> left = lists[s]; !left.empty();) {
      const auto rows = left.first(std::min(left.size(), rows_max - held));
      pieces.push_back({s, rows});
      left = left.subspan(rows.size());
      held += rows.size();
      if (held < rows_max) continue;
      DREAMDB_TRY(score_pieces());
      held = 0;
    }
  }
  return score_pieces();
}

void IndexSearch::see_best(const Search& search, SeenRows& seen) const {
  if (!at_hand_) return;
  const size_t row_bytes = field_.row_bytes();
  const std::span<const uint64_t> held(at_hand_->anchors(), at_hand_->rows());
  TopK best = search.best;
  for (const Hit& hit : best.take_sorted()) {
    const auto at = std::ranges::lower_bound(held, hit.anchor);
    if (at == held.end() || *at != hit.anchor) continue;
    const auto row = static_cast<size_t>(at - held.begin());
    seen.add(hit.anchor, at_hand_->columns[0].values.span().subspan(row * row_bytes, row_bytes));
  }
}

size_t probes_under_filter(size_t plain, double part, size_t cells) {
  const double further = std::clamp(-std::log2(part), 1.0, kFurtherMax);
  const double wanted = static_cast<double>(plain) * further / part + 1;
  return wanted < static_cast<double>(cells) ? static_cast<size_t>(wanted) : cells;
}

// Codes that stay in memory once they are read: then queries gain nothing from sharing blocks, and
// by itself each begins with its own nearest cells.
bool IndexSearch::is_each_alone(const QuerySet& queries) const {
  const uint64_t words = index_->frame().words();
  const uint64_t row_bytes = words * index_->parts().bits * sizeof(uint64_t) + kCodeFactorsBytes;
  return queries.count() > 1 && !objects_.store().is_far() &&
         place_->codes->rows * row_bytes <= objects_.caches().matrix_room_bytes();
}

Result<std::vector<TopK>> IndexSearch::run(const QuerySet& queries,
                                           const IndexSearchOptions& options) {
  std::vector<TopK> out;
  if (!place_->codes || options.top_k == 0) {
    out.assign(queries.count(), TopK(options.top_k));
    return out;
  }
  const bool is_alone = is_each_alone(queries);
  for (size_t first = 0; first < queries.count(); first += kQueriesAtOnce) {
    DREAMDB_TRY(check_interrupt());
    const size_t count = std::min(kQueriesAtOnce, queries.count() - first);
    DREAMDB_TRY(is_alone ? run_alone(queries, first, count, options, out)
                         : run_together(queries, first, count, options, out));
  }
  return out;
}

Status IndexSearch::run_alone(const QuerySet& queries, size_t first, size_t count,
                              const IndexSearchOptions& options, std::vector<TopK>& out) {
  std::vector<IndexWork> works(count);
  std::vector<SeenRows> seen(count);
  std::vector<std::vector<TopK>> found(count);
  std::vector<Status> statuses(count);
  Carried carried;
  std::atomic<bool> stops = false;  // an error, or the caller's interrupt, which it alone hears
  shared_pool().parallel_for(count, [&](size_t i) {
    if (stops) return;
    carried.run([&] {
      IndexSearch alone = *this;
      alone.work_ = {};
      IndexSearchOptions own = options;
      if (own.seen != nullptr) own.seen = &seen[i];
      statuses[i] = alone.run_together(queries.only(first + i), 0, 1, own, found[i]);
      works[i] = alone.work_;
      if (!statuses[i]) stops = true;
    });
  });
  carried.rethrow();
  for (Status& status : statuses) DREAMDB_TRY(std::move(status));
  for (size_t i = 0; i < count; ++i) {
    work_.add(works[i]);
    if (options.seen != nullptr) options.seen->add(std::move(seen[i]));
    out.push_back(std::move(found[i][0]));
  }
  return {};
}

Status IndexSearch::run_together(const QuerySet& queries, size_t first, size_t count,
                                 const IndexSearchOptions& options, std::vector<TopK>& out) {
  const size_t cells = index_->cells();
  std::vector<Search> searches;
  std::vector<float> placed(index_->frame().dim());
  for (size_t i = 0; i < count; ++i) {
    place_vector(index_->metric(), {queries.values() + (first + i) * queries.dim(), queries.dim()},
                 placed);
    searches.push_back({ProbeQuery(*index_, placed, options.deviations), options.top_k,
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
      const bool is_narrow = search.is_narrow && search.probes < cells;
      if (!lacks && !misled && !is_narrow) {
        if (options.seen != nullptr) see_best(search, *options.seen);
        continue;
      }
      if (lacks || is_narrow) search.probes = std::min(cells, search.probes * kProbesGrowth);
      left.push_back(&search);
      left_numbers.push_back(numbers[i]);
    }
    open = std::move(left);
    numbers = std::move(left_numbers);
  }
  for (Search& search : searches) {
    work_.probes = std::max<uint64_t>(work_.probes, search.probes);
    out.push_back(std::move(search.best));
  }
  return {};
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
