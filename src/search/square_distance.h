// |a - b|^2, also where f32 cannot hold it.
//
// Thread rule: pure.
#pragma once

#include <cstddef>

namespace dreamdb {

inline double square_distance(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j) {
    const double apart = static_cast<double>(a[j]) - b[j];
    sum += apart * apart;
  }
  return sum;
}

}  // namespace dreamdb
