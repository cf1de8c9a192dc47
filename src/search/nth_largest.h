// The n-th largest of many numbers: the score that candidates have to reach.
//
// Thread rule: pure.
#pragma once

#include <cstddef>
#include <span>

namespace dreamdb {

// values: without NaN; n: 1 to their number. Some numbers are looked at twice, few are sorted: for
// n of some dozens among thousands a tenth of the time of std::nth_element. O(values + n).
float nth_largest(std::span<const float> values, size_t n);

}  // namespace dreamdb
