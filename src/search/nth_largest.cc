#include "search/nth_largest.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "base/assert.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

constexpr size_t kGroupsMin = 64;
// So many groups for each number wanted: hardly two of the largest fall into one.
constexpr size_t kGroupsEach = 4;

float nth_of(std::vector<float>& values, size_t n) {
  const auto nth = values.begin() + static_cast<ptrdiff_t>(n - 1);
  std::nth_element(values.begin(), nth, values.end(), std::greater<float>());
  return *nth;
}

}  // namespace

float nth_largest(std::span<const float> values, size_t n) {
  DREAMDB_ASSERT(n > 0 && n <= values.size());
  const size_t groups = std::max(kGroupsMin, (n * kGroupsEach + 15) / 16 * 16);
  if (values.size() < 2 * groups) {
    std::vector<float> all(values.begin(), values.end());
    return nth_of(all, n);
  }
  // Value i is in group i % groups. n groups have a largest one of at least `enough`: so the n-th
  // of all is not below it.
  std::vector<float> largest(values.begin(), values.begin() + static_cast<ptrdiff_t>(groups));
  for (size_t first = groups; first < values.size(); first += groups) {
    const size_t count = std::min(groups, values.size() - first);
    for (size_t i = 0; i < count; ++i)
      largest[i] = largest[i] < values[first + i] ? values[first + i] : largest[i];
  }
  const float enough = nth_of(largest, n);
  std::vector<uint32_t> positions(values.size());
  positions.resize(simd::select_at_least(values.data(), values.size(), enough, positions.data()));
  std::vector<float> few;
  few.reserve(positions.size());
  for (const uint32_t i : positions) few.push_back(values[i]);
  return nth_of(few, n);
}

}  // namespace dreamdb
