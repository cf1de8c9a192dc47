#include "search/cell_order.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

class Halves {
 public:
  Halves(std::span<const float> points, size_t dim)
      : points_(points), dim_(dim), place_(points.size() / dim) {}

  // Cuts a list into halves, and each of them again; at most 32 deep, for there are at most 2^32.
  // It begins near `before` and ends near `after`, where these are not nullptr.
  void cut(std::span<uint32_t> list, const float* before, const float* after) {
    if (list.size() < 2) return;
    const std::vector<float> mean = mean_of(list);
    uint32_t first = farthest(list, mean.data()), last = farthest(list, at(first));
    const auto misfit = [&](uint32_t a, uint32_t b) {
      return (before == nullptr ? 0 : distance(at(a), before)) +
             (after == nullptr ? 0 : distance(at(b), after));
    };
    if (misfit(first, last) > misfit(last, first)) std::swap(first, last);
    std::vector<float> line(dim_);
    for (size_t j = 0; j < dim_; ++j) line[j] = at(last)[j] - at(first)[j];
    for (const uint32_t i : list) simd::dot_rows_f32(line.data(), at(i), 1, dim_, &place_[i]);
    const size_t half = list.size() / 2;
    std::ranges::nth_element(list, list.begin() + static_cast<ptrdiff_t>(half),
                             [&](uint32_t a, uint32_t b) {
                               return place_[a] != place_[b] ? place_[a] < place_[b] : a < b;
                             });
    cut(list.first(half), before, at(last));
    cut(list.subspan(half), at(list[half - 1]), after);
  }

 private:
  const float* at(uint32_t i) const { return points_.data() + i * dim_; }

  float distance(const float* a, const float* b) const {
    float square = 0;
    simd::l2_rows_f32(a, b, 1, dim_, &square);
    return square;
  }

  std::vector<float> mean_of(std::span<const uint32_t> list) const {
    std::vector<double> sum(dim_);
    for (const uint32_t i : list)
      for (size_t j = 0; j < dim_; ++j) sum[j] += at(i)[j];
    std::vector<float> mean(dim_);
    for (size_t j = 0; j < dim_; ++j)
      mean[j] = static_cast<float>(sum[j] / static_cast<double>(list.size()));
    return mean;
  }

  // The first of those farthest from `from`.
  uint32_t farthest(std::span<const uint32_t> list, const float* from) const {
    uint32_t found = list[0];
    float most = -1;
    for (const uint32_t i : list) {
      const float apart = distance(from, at(i));
      if (apart > most || (apart == most && i < found)) most = apart, found = i;
    }
    return found;
  }

  std::span<const float> points_;
  size_t dim_;
  std::vector<float> place_;  // of each point on the line of its list
};

}  // namespace

std::vector<uint32_t> order_in_space(std::span<const float> points, size_t dim) {
  DREAMDB_ASSERT(dim > 0 && points.size() % dim == 0);
  std::vector<uint32_t> order(points.size() / dim);
  std::iota(order.begin(), order.end(), 0u);
  Halves(points, dim).cut(order, nullptr, nullptr);
  return order;
}

}  // namespace dreamdb
