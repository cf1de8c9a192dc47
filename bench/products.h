// Matrix products by the libraries of others: what the machine can do on the shapes of assignment.
//
// Thread rule: one thread at a time; each product runs on the calling thread alone.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/result.h"

namespace dreamdb::bench {

struct Product {
  std::string name;            // of library, numbers and rows at once
  std::function<void()> once;  // rows times centroids, transposed
};

// Before the first product: the libraries keep to what our table of kernels (simd::active().name)
// may use, and to one thread. OpenBLAS does not know newer processors and is told a core type.
void limit_products(std::string_view kernels);

// All that there are, each for several numbers of rows at once, results overwritten. rows: [n,
// dim]; centroids: [k, dim]; kept by the caller. bf16: with numbers rounded to bf16 too.
// NotFound: OpenBLAS is not installed.
Result<std::vector<Product>> make_products(std::span<const float> rows,
                                           std::span<const float> centroids, size_t dim, bool bf16);

}  // namespace dreamdb::bench
