#include "index/code_refine.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "runtime/thread_pool.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

class Refiner {
 public:
  Refiner(const SpatialIndex& index, const CodePlan& plan, const CodeBlocks& blocks,
          const ProbeQuery& query)
      : width_(index.parts().bits - 1),
        plan_(plan),
        blocks_(blocks),
        query_(query),
        levels_(index.frame().dim()) {
    for (const CellHit& hit : query.cells) hits_.emplace(hit.cell, hit);
  }

  Candidate refine(Candidate row) {
    const CodeParts& codes = *plan_.segments[row.segment]->segment.codes;
    const size_t words = levels_.size() / 64;
    const CodeBlock block = blocks_.codes(row.segment, row.row / codes.codes.per);
    const ExtraBlock extra = blocks_.extra(row.segment, row.row / codes.extra->per);
    const size_t in_codes = row.row % codes.codes.per, in_extra = row.row % codes.extra->per;
    const size_t bytes = levels_.size() / 8 * width_;
    const std::span<const std::byte> low = extra.levels.subspan(in_extra * bytes, bytes);
    simd::level_values(block.bits.data() + in_codes * words,
                       reinterpret_cast<const uint8_t*>(low.data()), width_, levels_.size(),
                       levels_.data());
    float sum = 0;
    simd::dot_rows_f32(query_.prepared.rotated().data(), levels_.data(), 1, levels_.size(), &sum);
    const CellHit& hit = hits_.at(row.cell);
    const float estimate = hit.base + extra.add[in_extra] + extra.scale[in_extra] * sum;
    const float slack = query_.deviations * hit.distance * extra.error[in_extra];
    if (!(std::abs(estimate) < kBaseMax) || !(slack < kBaseMax)) return row;
    row.lower = estimate - slack;
    row.upper = estimate + slack;
    return row;
  }

 private:
  const unsigned width_;
  const CodePlan& plan_;
  const CodeBlocks& blocks_;
  const ProbeQuery& query_;
  std::vector<float> levels_;
  std::unordered_map<uint32_t, CellHit> hits_;
};

}  // namespace

Status refine_codes(Objects& objects, const SpatialIndex& index, const CodePlan& plan,
                    std::span<const ProbeQuery> queries, std::span<const size_t> wanted,
                    std::span<std::vector<Candidate>> lists) {
  DREAMDB_ASSIGN(const CodeBlocks blocks, CodeBlocks::fetch_whole(objects, plan, lists));
  shared_pool().parallel_for(queries.size(), [&](size_t q) {
    Refiner refiner(index, plan, blocks, queries[q]);
    Candidates left(wanted[q]);
    for (const Candidate& row : lists[q]) left.offer(refiner.refine(row));
    lists[q] = left.take_sorted();
  });
  return {};
}

}  // namespace dreamdb
