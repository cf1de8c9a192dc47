// Comparisons as closed intervals: `v < 5` is `v <= 4`, and on floats `v <= the float below 5`.
#include "search/interval.h"

#include <cmath>
#include <limits>

namespace dreamdb {
namespace {

using Op = Where::Op;

constexpr int64_t kIntMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kIntMax = std::numeric_limits<int64_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTwo63 = 0x1p63;
constexpr Interval<int64_t> kNoInt{1, 0};
constexpr Interval<double> kNoFloat{1, 0};

double float_below(double x) { return std::nextafter(x, -kInfinity); }
double float_above(double x) { return std::nextafter(x, kInfinity); }

}  // namespace

Interval<int64_t> int_interval(Op op, int64_t number) {
  switch (op) {
    case Op::kEqual:
    case Op::kNotEqual: return {number, number};
    case Op::kLess: return number == kIntMin ? kNoInt : Interval<int64_t>{kIntMin, number - 1};
    case Op::kLessEqual: return {kIntMin, number};
    case Op::kGreater: return number == kIntMax ? kNoInt : Interval<int64_t>{number + 1, kIntMax};
    case Op::kGreaterEqual: return {number, kIntMax};
  }
  return kNoInt;
}

Interval<int64_t> int_interval(Op op, double number) {
  const bool less = op == Op::kLess || op == Op::kLessEqual;
  const bool equal = op == Op::kEqual || op == Op::kNotEqual;
  // Every integer is below, or every one above.
  if (number >= kTwo63) return less ? Interval<int64_t>{kIntMin, kIntMax} : kNoInt;
  if (number < -kTwo63) return less || equal ? kNoInt : Interval<int64_t>{kIntMin, kIntMax};
  const double down = std::floor(number);
  const auto whole = static_cast<int64_t>(down);
  if (down == number) return int_interval(op, whole);
  // Between two integers: what is at most `whole`, or more.
  if (equal) return kNoInt;
  return int_interval(less ? Op::kLessEqual : Op::kGreater, whole);
}

Interval<double> float_interval(Op op, double number) {
  switch (op) {
    case Op::kEqual:
    case Op::kNotEqual: return {number, number};
    case Op::kLess: return {-kInfinity, float_below(number)};
    case Op::kLessEqual: return {-kInfinity, number};
    case Op::kGreater: return {float_above(number), kInfinity};
    case Op::kGreaterEqual: return {number, kInfinity};
  }
  return kNoFloat;
}

Interval<double> float_interval(Op op, int64_t number) {
  const auto nearest = static_cast<double>(number);
  const bool above = nearest == kTwo63 || static_cast<int64_t>(nearest) > number;
  const bool below = !above && static_cast<int64_t>(nearest) < number;
  if (!above && !below) return float_interval(op, nearest);
  // Between two floats, of which `nearest` is one.
  if (op == Op::kEqual || op == Op::kNotEqual) return kNoFloat;
  if (op == Op::kLess || op == Op::kLessEqual)
    return float_interval(above ? Op::kLess : Op::kLessEqual, nearest);
  return float_interval(above ? Op::kGreaterEqual : Op::kGreater, nearest);
}

}  // namespace dreamdb
