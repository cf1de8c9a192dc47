#include "search/nth_largest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>
#include <vector>

namespace dreamdb {
namespace {

void check_all(std::vector<float> values) {
  std::vector<float> sorted = values;
  std::ranges::sort(sorted, std::greater());
  for (size_t n = 1; n <= values.size(); n += 1 + n / 8)
    ASSERT_EQ(nth_largest(values, n), sorted[n - 1]) << n << " of " << values.size();
  ASSERT_EQ(nth_largest(values, values.size()), sorted.back());
}

TEST(NthLargest, IsThatOfASort) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (const size_t count : {1ul, 2ul, 63ul, 127ul, 128ul, 129ul, 1000ul, 4096ul, 5001ul}) {
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    check_all(values);
    std::ranges::sort(values);
    check_all(values);
    std::ranges::reverse(values);
    check_all(values);
  }
}

TEST(NthLargest, EqualNumbersCountEach) {
  check_all(std::vector<float>(1000, 0.5f));
  std::vector<float> values(3000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7 % 5);
  check_all(values);
  // All of the largest in one group.
  std::vector<float> uneven(6400, 0.0f);
  for (size_t i = 0; i < uneven.size(); i += 64) uneven[i] = static_cast<float>(i);
  check_all(uneven);
}

TEST(NthLargest, InfinitiesAreNumbers) {
  std::vector<float> values(2000, -std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < values.size(); i += 9) values[i] = static_cast<float>(i);
  values[7] = std::numeric_limits<float>::infinity();
  check_all(values);
}

}  // namespace
}  // namespace dreamdb
