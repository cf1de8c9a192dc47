// Comparisons of integers with floats against exact arithmetic in long double.
#include "search/interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace dreamdb {
namespace {

using Op = Where::Op;

static_assert(std::numeric_limits<long double>::digits >= 64, "holds every i64 and double exactly");

bool holds(Op op, long double a, long double b) {
  switch (op) {
    case Op::kEqual:
    case Op::kNotEqual: return a == b;
    case Op::kLess: return a < b;
    case Op::kLessEqual: return a <= b;
    case Op::kGreater: return a > b;
    case Op::kGreaterEqual: return a >= b;
  }
  return false;
}

std::vector<int64_t> ints() {
  std::vector<int64_t> out = {0, 1, -1, 5, -7};
  for (int shift : {52, 53, 54, 62})
    for (int64_t d = -3; d <= 3; ++d)
      for (int64_t sign : {1, -1}) out.push_back(sign * ((int64_t{1} << shift) + d));
  for (int64_t d = 0; d < 1100; d += 128) {
    out.push_back(INT64_MAX - d);
    out.push_back(INT64_MIN + d);
  }
  return out;
}

std::vector<double> floats() {
  std::vector<double> out = {0.0, -0.0, 0.5, -0.5, 4.999, 1e300, -1e300, 5e-324};
  for (int64_t i : ints()) {
    const auto x = static_cast<double>(i);
    for (double y : {x, std::nextafter(x, 1e308), std::nextafter(x, -1e308)}) out.push_back(y);
  }
  return out;
}

constexpr Op kOps[] = {Op::kEqual, Op::kLess, Op::kLessEqual, Op::kGreater, Op::kGreaterEqual};

template <typename T>
bool inside(T value, Interval<T> interval) {
  return value >= interval.low && value <= interval.high;
}

TEST(Interval, ComparesExactly) {
  for (Op op : kOps) {
    for (int64_t v : ints()) {
      for (int64_t x : ints())
        ASSERT_EQ(inside(v, int_interval(op, x)), holds(op, v, x)) << v << " " << x;
      for (double x : floats()) {
        ASSERT_EQ(inside(v, int_interval(op, x)), holds(op, v, x)) << v << " " << x;
        ASSERT_EQ(inside(x, float_interval(op, v)), holds(op, x, v)) << v << " " << x;
      }
    }
    for (double v : floats())
      for (double x : floats())
        ASSERT_EQ(inside(v, float_interval(op, x)), holds(op, v, x)) << v << " " << x;
    const double infinity = std::numeric_limits<double>::infinity();
    for (double x : {1e308, -1.7976931348623157e308, 1.7976931348623157e308})
      for (double v : {infinity, -infinity})
        ASSERT_EQ(inside(v, float_interval(op, x)), holds(op, v, x));
    ASSERT_FALSE(inside(std::nan(""), float_interval(op, 1.0)));
  }
}

}  // namespace
}  // namespace dreamdb
