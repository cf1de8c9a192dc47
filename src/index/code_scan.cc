#include "index/code_scan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "dreamdb/interrupt.h"
#include "runtime/thread_pool.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

constexpr size_t kRowsAtOnce = 1024;  // more than a block has
// Kernels score so many at once; where rows of others stand behind those that are wanted, no rest
// is scored one by one.
constexpr size_t kScoredAtOnce = 16;
static_assert(kScoredAtOnce <= WholeCodes::kSpareRows);
// Rows times queries that are worth waking a thread: some 100 us.
constexpr uint64_t kScoresAThread = 65'536;

// Who looks into a cell.
struct Visit {
  uint32_t cell;
  uint32_t query;
  float base, slack;
  bool is_counted;  // see ProbeQuery::counted
};

std::vector<Visit> list_visits(std::span<const ProbeQuery> queries) {
  std::vector<Visit> visits;
  for (size_t q = 0; q < queries.size(); ++q)
    for (size_t i = 0; i < queries[q].cells.size(); ++i) {
      const CellHit& hit = queries[q].cells[i];
      visits.push_back({hit.cell, static_cast<uint32_t>(q), hit.base,
                        hit.distance * queries[q].deviations.one_bit, i < queries[q].counted});
    }
  std::ranges::sort(visits, {}, [](const Visit& v) { return std::pair(v.cell, v.query); });
  return visits;
}

class Scanner {
 public:
  Scanner(const CodeBlocks& blocks, std::span<const ProbeQuery> queries,
          std::span<const Visit> visits, const AnchorFilter& filter, std::span<Candidates> out)
      : blocks_(blocks), queries_(queries), visits_(visits), filter_(filter), out_(out) {}

  void scan(const CellRows& rows) {
    const auto [begin, end] = std::ranges::equal_range(visits_, rows.cell, {}, &Visit::cell);
    bits_.clear();
    for (auto visit = begin; visit != end; ++visit) {
      const CodeQuery& prepared = queries_[visit->query].prepared;
      bits_.push_back({prepared.planes(), queries_[visit->query].placed.size() / 64,
                       prepared.unit(), visit->base, visit->slack});
    }
    uint32_t at = rows.begin;
    blocks_.visit(rows, [&](const CodeBlock& block, uint32_t first, uint32_t count) {
      const size_t scored = std::min<size_t>(
          (count + kScoredAtOnce - 1) / kScoredAtOnce * kScoredAtOnce, block.add.size() - first);
      score(block, first, scored);
      for (size_t i = 0; i < bits_.size(); ++i) {
        const Visit& visit = *(begin + static_cast<ptrdiff_t>(i));
        offer(block, first, count, lower() + i * scored, upper() + i * scored,
              {0, 0, 0, rows.cell, rows.segment, at}, out_[visit.query]);
        if (visit.is_counted) count_passed(block.anchors.subspan(first, count), out_[visit.query]);
      }
      at += count;
    });
  }

 private:
  // [queries, rows] each, beginning at 64 bytes: kernels write whole lines of most blocks.
  float* lower() { return aligned(lower_); }
  float* upper() { return aligned(upper_); }
  static float* aligned(std::vector<float>& values) {
    const auto at = reinterpret_cast<uintptr_t>(values.data());
    return reinterpret_cast<float*>((at + 63) / 64 * 64);
  }

  void score(const CodeBlock& block, uint32_t first, size_t count) {
    lower_.resize(bits_.size() * count + 16);
    upper_.resize(bits_.size() * count + 16);
    const uint64_t* codes = block.bits.data() + first * bits_[0].words;
    const float *add = block.add.data() + first, *scale = block.scale.data() + first,
                *error = block.error.data() + first;
    if (bits_.size() == 1) {
      simd::scan_bits(bits_[0], codes, add, scale, error, count, lower(), upper());
    } else {
      simd::scan_bits_many(bits_.data(), bits_.size(), codes, add, scale, error, count, lower(),
                           upper());
    }
    for (size_t i = 0; i < bits_.size(); ++i) {
      if (std::abs(bits_[i].base) < kBaseMax && bits_[i].slack < kDistanceMax) continue;
      std::fill_n(lower() + i * count, count, std::numeric_limits<float>::lowest());
      std::fill_n(upper() + i * count, count, std::numeric_limits<float>::max());
    }
  }

  void offer(const CodeBlock& block, uint32_t first, uint32_t count, const float* lower,
             const float* upper, Candidate place, Candidates& out) {
    if (picked_.size() < count) picked_.resize(std::max<size_t>(count, kRowsAtOnce));
    const size_t picked = simd::select_at_least(upper, count, out.threshold(), picked_.data());
    const bool is_open = filter_.is_open();
    for (size_t i = 0; i < picked; ++i) {
      const uint32_t row = picked_[i];
      const uint64_t anchor = block.anchors[first + row];
      if (is_open || filter_.has(anchor))
        out.offer({anchor, lower[row], upper[row], place.cell, place.segment, place.row + row});
    }
  }

  void count_passed(std::span<const uint64_t> anchors, Candidates& out) {
    const auto passed =
        std::ranges::count_if(anchors, [&](uint64_t anchor) { return filter_.has(anchor); });
    out.note_filter(anchors.size(), static_cast<uint64_t>(passed));
  }

  const CodeBlocks& blocks_;
  std::span<const ProbeQuery> queries_;
  std::span<const Visit> visits_;
  const AnchorFilter& filter_;
  std::span<Candidates> out_;
  std::vector<simd::BitQuery> bits_;
  std::vector<float> lower_, upper_;
  std::vector<uint32_t> picked_;
};

// The rows of a round for one thread: the cells nearest to the first query before the others, so
// that its threshold is high early.
std::vector<CellRows> nearest_first(std::span<const CellRows> rows, const ProbeQuery& query) {
  std::vector<std::pair<uint32_t, uint32_t>> ranks;  // by cell
  for (size_t i = 0; i < query.cells.size(); ++i)
    ranks.emplace_back(query.cells[i].cell, static_cast<uint32_t>(i));
  std::ranges::sort(ranks);
  std::vector<std::pair<uint32_t, uint32_t>> order;  // rank, place in `rows`
  for (size_t i = 0; i < rows.size(); ++i)
    order.emplace_back(
        std::ranges::lower_bound(ranks, std::pair(rows[i].cell, uint32_t{0}))->second,
        static_cast<uint32_t>(i));
  std::ranges::sort(order);
  std::vector<CellRows> out;
  for (const auto& [rank, place] : order) out.push_back(rows[place]);
  return out;
}

void scan_round(const CodeBlocks& blocks, std::span<const CellRows> rows,
                std::span<const ProbeQuery> queries, std::span<const Visit> visits,
                const AnchorFilter& filter, std::span<Candidates> out) {
  uint64_t scores = 0;
  for (const CellRows& r : rows) {
    const auto [begin, end] = std::ranges::equal_range(visits, r.cell, {}, &Visit::cell);
    scores += r.count() * static_cast<uint64_t>(end - begin);
  }
  const size_t parts = std::min<size_t>({static_cast<size_t>(scores / kScoresAThread) + 1,
                                         rows.size(), shared_pool().thread_count() * 4 + 1});
  if (queries.size() == 1 && parts <= 4) {
    Scanner scanner(blocks, queries, visits, filter, out);
    const std::vector<CellRows> ordered = nearest_first(rows, queries[0]);
    for (size_t i = 0; i < ordered.size(); ++i) {
      if (i + 1 < ordered.size()) blocks.prefetch(ordered[i + 1]);
      scanner.scan(ordered[i]);
    }
    return;
  }
  std::mutex mutex;
  shared_pool().parallel_for(parts, [&](size_t part) {
    std::vector<Candidates> own;
    for (const Candidates& c : out) own.emplace_back(c.k());
    Scanner scanner(blocks, queries, visits, filter, own);
    const size_t end = rows.size() * (part + 1) / parts;
    for (size_t i = rows.size() * part / parts; i < end; ++i) scanner.scan(rows[i]);
    const std::lock_guard lock(mutex);
    for (size_t q = 0; q < own.size(); ++q) out[q].merge(own[q]);
  });
}

}  // namespace

Deviations bound_deviations(double recall) {
  constexpr double kUsual = 0.95, kHigh = 0.99;
  constexpr Deviations kLeast{1.3f, 1.1f}, kMore{1.9f, 1.25f}, kFull{3, 3};
  const auto between = [](const Deviations& a, const Deviations& b, double part) {
    const auto t = static_cast<float>(std::clamp(part, 0.0, 1.0));
    return Deviations{std::lerp(a.one_bit, b.one_bit, t), std::lerp(a.all_bits, b.all_bits, t)};
  };
  return recall <= kHigh ? between(kLeast, kMore, (recall - kUsual) / (kHigh - kUsual))
                         : between(kMore, kFull, (recall - kHigh) / (1 - kHigh));
}

std::vector<uint32_t> union_of_cells(std::span<const ProbeQuery> queries) {
  std::vector<uint32_t> cells;
  for (const ProbeQuery& query : queries)
    for (const CellHit& hit : query.cells) cells.push_back(hit.cell);
  std::ranges::sort(cells);
  cells.erase(std::ranges::unique(cells).begin(), cells.end());
  return cells;
}

Status scan_codes(Objects& objects, const CodePlan& plan, std::span<const ProbeQuery> queries,
                  const AnchorFilter& filter, std::span<Candidates> out) {
  const std::vector<Visit> visits = list_visits(queries);
  for (size_t first = 0; first < plan.rows.size();) {
    DREAMDB_TRY(check_interrupt());
    const auto left = std::span(plan.rows).subspan(first);
    const auto rows = left.first(take_round(plan, left));
    DREAMDB_ASSIGN(const CodeBlocks blocks, CodeBlocks::fetch(objects, plan, rows));
    scan_round(blocks, rows, queries, visits, filter, out);
    first += rows.size();
  }
  return {};
}

}  // namespace dreamdb
