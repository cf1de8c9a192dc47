#include "store/cache_plan.h"

#include <algorithm>
#include <numeric>

#include "store/read_plan.h"

namespace dreamdb {

namespace {

constexpr uint64_t kSpanGrainsMax = kReadPieceMax / kGrainBytes;
constexpr uint64_t kGapGrains = kReadGapMax / kGrainBytes;

}  // namespace

CachePlan plan_cache(std::span<const ReadRequest> requests, const std::vector<bool>& kept) {
  CachePlan plan;
  plan.places.assign(requests.size(), CachePlan::kNone);
  std::vector<size_t> order;
  for (size_t i = 0; i < requests.size(); ++i)
    if (kept[i] && requests[i].size > 0 && requests[i].offset < kObjectSizeMax) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const int keys = requests[a].key.compare(requests[b].key);
    return keys != 0 ? keys < 0 : requests[a].offset < requests[b].offset;
  });
  for (const size_t index : order) {
    const ReadRequest& request = requests[index];
    const bool is_open = request.size > kReadSizeMax;
    GrainSpan span{request.key, request.offset / kGrainBytes, kToTheEnd, request.size};
    if (is_open) span.wanted = kReadSizeMax;
    const uint64_t end = (request.offset + request.size + kGrainBytes - 1) / kGrainBytes;
    if (!is_open) span.count = end - span.first;
    GrainSpan* const last = plan.spans.empty() ? nullptr : &plan.spans.back();
    const bool same = last != nullptr && last->key == request.key;
    if (same && last->count == kToTheEnd) {  // it has all that follows
      last->wanted += span.wanted;
    } else if (same && !is_open && span.first <= last->first + last->count &&
               std::max(end, last->first + last->count) - last->first <= kSpanGrainsMax) {
      last->count = std::max(end, last->first + last->count) - last->first;
      last->wanted += span.wanted;
    } else {
      plan.spans.push_back(span);
    }
    plan.places[index] = plan.spans.size() - 1;
  }
  return plan;
}

std::vector<MissingGrains> missing_grains(std::span<const int32_t> sizes, uint64_t count) {
  std::vector<MissingGrains> missing;
  const auto add = [&](uint64_t first, uint64_t end) {
    if (!missing.empty()) {
      MissingGrains& last = missing.back();
      if (first - (last.first + last.count) < kGapGrains) {
        last.count = end == kToTheEnd ? kToTheEnd : end - last.first;
        return;
      }
    }
    missing.push_back({first, end == kToTheEnd ? kToTheEnd : end - first});
  };
  for (uint64_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == kNotThere)
      add(i, i + 1);
    else if (sizes[i] < static_cast<int32_t>(kGrainBytes))
      return missing;  // the end of the object
  }
  if (sizes.size() < count) add(sizes.size(), count);
  return missing;
}

}  // namespace dreamdb
