#include "upkeep/lost_rows.h"

#include <utility>

namespace dreamdb {

namespace {

constexpr size_t kPieceRows = 65'536;

}  // namespace

Status LostRowsTeller::add(uint64_t anchor) {
  if (!on_lost_) return {};
  anchors_.push_back(anchor);
  return anchors_.size() < kPieceRows ? Status() : finish();
}

Status LostRowsTeller::finish() {
  if (anchors_.empty()) return {};
  const std::vector<uint64_t> anchors = std::exchange(anchors_, {});
  return on_lost_({key_, field_, anchors.front(), anchors.back(), anchors.size(),
                   Buffer::copy_of(std::as_bytes(std::span(anchors)))});
}

Status LostRowsTeller::tell_range(uint64_t first, uint64_t last, uint64_t rows) {
  if (!on_lost_ || rows == 0) return {};
  return on_lost_({key_, field_, first, last, rows, {}});
}

}  // namespace dreamdb
