#include "store/read_plan.h"

#include <algorithm>
#include <numeric>

namespace dreamdb {

ReadPlan plan_reads(std::span<const ReadRequest> requests, const std::vector<bool>& skip) {
  ReadPlan plan;
  plan.places.resize(requests.size());
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const int keys = requests[a].key.compare(requests[b].key);
    return keys != 0 ? keys < 0 : requests[a].offset < requests[b].offset;
  });
  bool may_grow = false;  // the last piece, by neighbours
  for (const size_t index : order) {
    const ReadRequest& request = requests[index];
    ReadPlace& place = plan.places[index];
    if (skip[index]) continue;
    const uint64_t begin = std::min(request.offset, kObjectSizeMax);
    place.is_open = request.size > kReadSizeMax;
    const uint64_t size = place.is_open ? kReadPieceMax : request.size;
    if (size == 0) continue;
    const uint64_t end = begin + size;
    if (may_grow && plan.pieces.back().key == request.key) {
      ReadPiece& last = plan.pieces.back();
      const uint64_t last_end = last.offset + last.size;
      const uint64_t grown = std::max(last_end, end) - last.offset;
      const bool near = begin <= last_end || begin - last_end < kReadGapMax;
      if (near && grown <= kReadPieceMax) {
        last.size = grown;
        last.wanted += size;
        place.first = plan.pieces.size() - 1;
        place.count = 1;
        continue;
      }
    }
    place.first = plan.pieces.size();
    place.count = static_cast<size_t>((size + kReadPieceMax - 1) / kReadPieceMax);
    const uint64_t piece_size = (size + place.count - 1) / place.count;
    for (size_t k = 0; k < place.count; ++k) {
      const uint64_t offset = begin + k * piece_size;
      const uint64_t part = std::min(piece_size, end - offset);
      plan.pieces.push_back({request.key, offset, part, part});
    }
    may_grow = place.count == 1;
  }
  return plan;
}

}  // namespace dreamdb
