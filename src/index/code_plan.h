// Which rows of which code segments belong to some cells, and their blocks.
//
// Thread rule: one thread at a time; what it has read may be seen by all.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/spatial_index.h"
#include "index/whole_codes.h"
#include "search/candidates.h"

namespace dreamdb {

// Rows of one cell in one code segment.
struct CellRows {
  uint32_t segment = 0;  // in CodePlan::segments
  uint32_t cell = 0;
  uint32_t begin = 0, end = 0;

  uint32_t count() const { return end - begin; }
};

struct CodePlan {
  std::vector<SegmentPtr> segments;
  std::vector<std::shared_ptr<const WholeCodes>> whole;  // of each segment, where there is one
  std::vector<CellRows> rows;  // by segment and place: in the order in which objects are read
  uint64_t row_count = 0;
};

// The rows of `cells` (ascending, unique). `codes`: the track of an index; pages say which cells
// are below them, so that others are not read. Corruption: codes under another index.
Result<CodePlan> plan_cells(Objects& objects, const SpatialIndex& index, const Root& codes,
                            std::span<const uint32_t> cells);

// Blocks of codes, decoded, of some rows of a plan.
class CodeBlocks {
 public:
  // Reads what is not in memory in one wave. rows: consecutive ones of the plan, at most
  // kRoundBytes of blocks, see `take_round`.
  static Result<CodeBlocks> fetch(Objects& objects, const CodePlan& plan,
                                  std::span<const CellRows> rows);
  // Both runs of an index of more than one bit, for single rows.
  static Result<CodeBlocks> fetch_both(Objects& objects, const CodePlan& plan,
                                       std::span<const std::vector<Candidate>> rows);

  // Has the processor bring them near: they lie anywhere, so it does not see them coming.
  void prefetch(const CellRows& rows) const;

  // Calls see(block, row of the block, rows) for each block that has rows of `rows`; those of a
  // whole segment are one.
  template <typename F>
  void visit(const CellRows& rows, F see) const {
    if (const WholeCodes* whole = plan_->whole[rows.segment].get(); whole != nullptr) {
      see(whole->codes(), rows.begin, rows.count());
      return;
    }
    const uint64_t per = plan_->segments[rows.segment]->segment.codes->codes.per;
    for (uint32_t row = rows.begin; row < rows.end;) {
      const auto first = static_cast<uint32_t>(row % per);
      const auto count = static_cast<uint32_t>(std::min<uint64_t>(per - first, rows.end - row));
      see(codes(rows.segment, row / per), first, count);
      row += count;
    }
  }

  CodeBlock codes(uint32_t segment, size_t block) const {
    return view_codes(plan_->segments[segment]->segment, block, raw(segment, false, block));
  }
  ExtraBlock extra(uint32_t segment, size_t block) const {
    return view_extra(plan_->segments[segment]->segment, block, raw(segment, true, block));
  }

 private:
  struct Place {
    bool is_extra;
    uint32_t segment;
    uint32_t block;
    auto operator<=>(const Place&) const = default;
  };
  static void add_place(const CodePlan& plan, Place place, std::vector<Place>& places);
  static Result<CodeBlocks> fetch_places(Objects& objects, const CodePlan& plan,
                                         std::vector<Place> places);
  const Buffer& raw(uint32_t segment, bool is_extra, size_t block) const;

  const CodePlan* plan_ = nullptr;
  std::vector<Place> places_;  // ascending; of segments whose codes are not together
  std::vector<std::shared_ptr<const Buffer>> raws_;
};

// How many of `rows`, from the first on, have blocks of at most kRoundBytes in all; at least one.
inline constexpr uint64_t kRoundBytes = 64ull << 20;
size_t take_round(const CodePlan& plan, std::span<const CellRows> rows);

}  // namespace dreamdb
