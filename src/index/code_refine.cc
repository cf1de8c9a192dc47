#include "index/code_refine.h"

#include <algorithm>
#include <cmath>

#include "runtime/thread_pool.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

class Refiner {
 public:
  Refiner(const SpatialIndex& index, const CodePlan& plan, const CodeBlocks& blocks,
          const ProbeQuery& query)
      : width_(index.parts().bits - 1),
        dim_(index.frame().dim()),
        plan_(plan),
        blocks_(blocks),
        query_(query),
        cells_(query.cells) {
    std::ranges::sort(cells_, {}, &CellHit::cell);
  }

  void refine(std::span<Candidate> rows) {
    std::vector<Code> codes;
    codes.reserve(rows.size());
    for (const Candidate& row : rows) codes.push_back(find(row));
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i + kAhead < codes.size()) prefetch(codes[i + kAhead]);
      bound(codes[i], rows[i]);
    }
  }

 private:
  static constexpr size_t kAhead = 8;  // rows between a prefetch and its use

  // A row's code where it is.
  struct Code {
    const uint64_t* high;
    const uint8_t* low;
    const float *add, *scale, *error;
  };

  Code find(const Candidate& row) {
    if (const WholeCodes* whole = plan_.whole[row.segment].get(); whole != nullptr) {
      const float* const factors = whole->factors(row.row);
      return {whole->codes().bits.data() + row.row * (dim_ / 64), whole->levels(row.row), factors,
              factors + 1, factors + 2};
    }
    const CodeParts& parts = *plan_.segments[row.segment]->segment.codes;
    const size_t block = row.row / parts.codes.per, extra = row.row / parts.extra->per;
    if (row.segment != segment_ || block != block_) codes_ = blocks_.codes(row.segment, block);
    if (row.segment != segment_ || extra != extra_) levels_ = blocks_.extra(row.segment, extra);
    segment_ = row.segment, block_ = block, extra_ = extra;
    const size_t in_codes = row.row % parts.codes.per, in_extra = row.row % parts.extra->per;
    const auto* const low = reinterpret_cast<const uint8_t*>(levels_.levels.data());
    return {codes_.bits.data() + in_codes * (dim_ / 64), low + in_extra * (dim_ / 8 * width_),
            &levels_.add[in_extra], &levels_.scale[in_extra], &levels_.error[in_extra]};
  }

  void prefetch(const Code& code) const {
    constexpr size_t kLine = 64;
    for (size_t at = 0; at < dim_ / 8; at += kLine)
      __builtin_prefetch(reinterpret_cast<const uint8_t*>(code.high) + at);
    for (size_t at = 0; at < dim_ / 8 * width_; at += kLine) __builtin_prefetch(code.low + at);
    __builtin_prefetch(code.add);
    __builtin_prefetch(code.error);
  }

  void bound(const Code& code, Candidate& row) const {
    const float sum =
        simd::dot_levels(query_.prepared.rotated().data(), code.high, code.low, width_, dim_);
    const CellHit& hit = *std::ranges::lower_bound(cells_, row.cell, {}, &CellHit::cell);
    const float estimate = hit.base + *code.add + *code.scale * sum;
    const float slack = query_.deviations.all_bits * hit.distance * *code.error;
    if (!(std::abs(estimate) < kBaseMax) || !(slack < kBaseMax)) return;
    row.lower = estimate - slack;
    row.upper = estimate + slack;
  }

  const unsigned width_;
  const size_t dim_;
  const CodePlan& plan_;
  const CodeBlocks& blocks_;
  const ProbeQuery& query_;
  std::vector<CellHit> cells_;  // by their numbers
  // The blocks of the row found last.
  size_t segment_ = SIZE_MAX, block_ = 0, extra_ = 0;
  CodeBlock codes_;
  ExtraBlock levels_;
};

}  // namespace

Status refine_codes(Objects& objects, const SpatialIndex& index, const CodePlan& plan,
                    std::span<const ProbeQuery> queries, std::span<const size_t> wanted,
                    std::span<std::vector<Candidate>> lists) {
  const bool are_whole =
      std::ranges::all_of(plan.whole, [](const auto& w) { return w != nullptr; });
  for (std::vector<Candidate>& list : lists) {
    if (are_whole) break;  // the order is for the blocks
    std::ranges::sort(list, {}, [](const Candidate& c) {
      return static_cast<uint64_t>(c.segment) << 32 | c.row;
    });
  }
  DREAMDB_ASSIGN(const CodeBlocks blocks, CodeBlocks::fetch_both(objects, plan, lists));
  shared_pool().parallel_for(queries.size(), [&](size_t q) {
    Refiner(index, plan, blocks, queries[q]).refine(lists[q]);
    Candidates left(wanted[q]);
    for (const Candidate& row : lists[q]) left.offer(row);
    lists[q] = left.take();
  });
  return {};
}

}  // namespace dreamdb
