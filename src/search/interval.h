// Which values of a column compare so with a number, as one interval, without rounding either side.
#pragma once

#include <cstdint>

#include "dreamdb/where.h"
#include "search/where_bind.h"

namespace dreamdb {

// The integers v with `v op number`; for kNotEqual those of kEqual, which the caller negates.
// Numbers are finite.
Interval<int64_t> int_interval(Where::Op op, int64_t number);
Interval<int64_t> int_interval(Where::Op op, double number);

// The same of floats; NaN is in no interval.
Interval<double> float_interval(Where::Op op, int64_t number);
Interval<double> float_interval(Where::Op op, double number);

}  // namespace dreamdb
