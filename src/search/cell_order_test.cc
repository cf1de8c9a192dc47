#include "search/cell_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace dreamdb {
namespace {

double distance(const std::vector<float>& points, size_t dim, uint32_t a, uint32_t b) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j)
    sum += std::pow(static_cast<double>(points[a * dim + j]) - points[b * dim + j], 2);
  return std::sqrt(sum);
}

bool has_each_once(std::vector<uint32_t> order, size_t count) {
  std::ranges::sort(order);
  if (order.size() != count) return false;
  for (uint32_t i = 0; i < count; ++i)
    if (order[i] != i) return false;
  return true;
}

TEST(OrderInSpace, PutsALineInItsOrder) {
  std::vector<float> points(100);
  for (size_t i = 0; i < 100; ++i) points[i] = static_cast<float>(i * 37 % 100);
  const auto order = order_in_space(points, 1);
  ASSERT_TRUE(has_each_once(order, 100));
  for (size_t i = 1; i < 100; ++i) EXPECT_LE(distance(points, 1, order[i - 1], order[i]), 3) << i;
}

TEST(OrderInSpace, KeepsClustersTogether) {
  constexpr size_t kDim = 16, kClusters = 8, kEach = 32;
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> centres(kClusters * kDim), points;
  for (float& value : centres) value = 10 * normal(random);
  for (size_t i = 0; i < kClusters * kEach; ++i)
    for (size_t j = 0; j < kDim; ++j)
      points.push_back(centres[i % kClusters * kDim + j] + normal(random));
  const auto order = order_in_space(points, kDim);
  ASSERT_TRUE(has_each_once(order, kClusters * kEach));
  size_t changes = 0;
  for (size_t i = 1; i < order.size(); ++i)
    changes += order[i] % kClusters != order[i - 1] % kClusters;
  // At random it would be 223.
  EXPECT_LT(changes, 40u);
}

TEST(OrderInSpace, TakesFewAndEqualPoints) {
  EXPECT_TRUE(order_in_space({}, 4).empty());
  for (size_t count = 1; count < 20; ++count) {
    const std::vector<float> points(count * 3, 0.5f);
    EXPECT_TRUE(has_each_once(order_in_space(points, 3), count));
  }
}

}  // namespace
}  // namespace dreamdb
