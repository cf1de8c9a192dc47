// Compares each table of kernels that runs here with the scalar one and with the results that all
// machines give; built for processors that this machine is not. Status 0 when all agree.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "simd/golden.h"
#include "simd/simd.h"

namespace dreamdb::simd {
namespace {

size_t compared = 0, wrong = 0;

void expect(bool right, const Kernels& kernels, const char* what) {
  ++compared;
  if (right) return;
  ++wrong;
  std::printf("%s: %s is wrong\n", kernels.name, what);
}

void check_golden(const Kernels& kernels) {
  const Digests found = digests_of(kernels);
  for (size_t i = 0; i < found.size(); ++i)
    expect(found[i] == kGolden[i], kernels, kGoldenNames[i]);
}

// Sums of a few terms of size 1 in two orders.
bool is_near(const std::vector<float>& a, const std::vector<float>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::fabs(a[i] - b[i]) <= 1e-4f)) return false;
  return true;
}

template <typename T>
struct Rows {
  size_t dim;
  std::vector<float> queries;
  std::vector<T> rows;
};

constexpr size_t kQueries = 5, kRows = 19;

template <typename T>
Rows<T> make_rows(GoldenInput& input, size_t dim) {
  Rows<T> made{dim, std::vector<float>(kQueries * dim), std::vector<T>(kRows * dim)};
  for (float& x : made.queries) x = static_cast<float>(input.word() % 2001) / 1000 - 1;
  for (T& x : made.rows) {
    if constexpr (sizeof(T) == 4)
      x = static_cast<float>(input.word() % 2001) / 1000 - 1;
    else  // from -1 to 1, some of them subnormal
      x = static_cast<T>(input.word() % 0x3c00 | (input.word() & 0x8000));
  }
  return made;
}

template <typename T, typename Rows1, typename Norms, typename Matrix, typename MatrixNorms>
void check_sums(const Kernels& kernels, const Rows<T>& of, Rows1 Kernels::* rows,
                Norms Kernels::* norms, Matrix Kernels::* matrix,
                MatrixNorms Kernels::* matrix_norms, const char* what) {
  const auto results = [&](const Kernels& k) {
    std::vector<float> out(3 * kQueries * kRows + 3 * kRows);
    float* at = out.data();
    (k.*matrix)(of.queries.data(), kQueries, of.rows.data(), kRows, of.dim, at);
    (k.*rows)(of.queries.data(), of.rows.data(), kRows, of.dim, at += kQueries * kRows);
    (k.*matrix_norms)(of.queries.data(), kQueries, of.rows.data(), kRows, of.dim, at + kRows,
                      at + kRows + kQueries * kRows);
    at += 2 * kRows + kQueries * kRows;
    (k.*norms)(of.queries.data(), of.rows.data(), kRows, of.dim, at, at + kRows);
    return out;
  };
  expect(is_near(results(kernels), results(kScalarKernels)), kernels, what);
}

void check_rows(const Kernels& kernels) {
  GoldenInput input;
  for (size_t dim = 0; dim < 70; ++dim) {
    using K = Kernels;
    const auto f32 = make_rows<float>(input, dim);
    check_sums(kernels, f32, &K::dot_rows_f32, &K::dot_norm_rows_f32, &K::dot_matrix_f32,
               &K::dot_norm_matrix_f32, "the product of f32 rows");
    check_sums(kernels, f32, &K::l2_rows_f32, &K::dot_norm_rows_f32, &K::l2_matrix_f32,
               &K::dot_norm_matrix_f32, "the distance of f32 rows");
    const auto f16 = make_rows<uint16_t>(input, dim);
    check_sums(kernels, f16, &K::dot_rows_f16, &K::dot_norm_rows_f16, &K::dot_matrix_f16,
               &K::dot_norm_matrix_f16, "the product of f16 rows");
    check_sums(kernels, f16, &K::l2_rows_f16, &K::dot_norm_rows_f16, &K::l2_matrix_f16,
               &K::dot_norm_matrix_f16, "the distance of f16 rows");
  }
}

void check_values(const Kernels& kernels) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> wide(halves.size()), expected(halves.size());
  kernels.widen_f16(halves.data(), halves.size(), wide.data());
  kScalarKernels.widen_f16(halves.data(), halves.size(), expected.data());
  expect(std::memcmp(wide.data(), expected.data(), 4 * wide.size()) == 0, kernels, "widen_f16");
  for (const size_t at : {0, 1, 31, 63, 64, 99}) {
    std::vector<float> values(100, 0.0f);
    std::vector<uint16_t> small(100, 0x8000);
    expect(kernels.all_finite_f32(values.data(), 100) &&
               kernels.all_finite_f16(small.data(), 100) &&
               !kernels.any_nonzero_f32(values.data(), 100) &&
               !kernels.any_nonzero_f16(small.data(), 100),
           kernels, "a check of zeros");
    values[at] = INFINITY;
    small[at] = 0x7c00;
    expect(!kernels.all_finite_f32(values.data(), 100) &&
               !kernels.all_finite_f16(small.data(), 100) &&
               kernels.any_nonzero_f32(values.data(), 100) &&
               kernels.any_nonzero_f16(small.data(), 100),
           kernels, "a check of one infinity");
  }
}

struct alignas(64) Line {
  float values[16];
};

// The best two scores of each row, its square, and whether two centroids were found for it.
std::vector<float> best_scores(const NearestKernels& k, const Rows<float>& of) {
  const auto blocks = [](size_t count, size_t unit) { return (count + unit - 1) / unit; };
  const size_t row_blocks = blocks(kRows, k.block_rows);
  const size_t centroid_blocks = blocks(kQueries, k.block_centroids);
  const size_t rows = row_blocks * k.block_rows, centroids = centroid_blocks * k.block_centroids;
  std::vector<Line> packed_rows(rows * k.packed_bytes(of.dim) / sizeof(Line) + 1);
  std::vector<Line> packed(centroids * k.packed_bytes(of.dim) / sizeof(Line) + 1);
  std::vector<float> squares(rows), half(centroids), origin(of.dim, 0.25f);
  k.pack_rows(of.rows.data(), origin.data(), kRows, of.dim, packed_rows.data(), squares.data());
  k.pack_centroids(of.queries.data(), origin.data(), kQueries, of.dim, packed.data(), half.data());
  for (size_t i = 0; i < centroids; ++i) half[i] = i < kQueries ? half[i] / 2 : INFINITY;
  std::vector<float> best(rows, -INFINITY), second(rows, -INFINITY);
  std::vector<uint32_t> best_at(rows), second_at(rows);
  k.find(packed_rows.data(), row_blocks, packed.data(), half.data(), centroid_blocks, of.dim,
         {best.data(), second.data(), best_at.data(), second_at.data()});
  best.resize(kRows);
  best.insert(best.end(), second.begin(), second.begin() + kRows);
  best.insert(best.end(), squares.begin(), squares.begin() + kRows);
  for (size_t i = 0; i < kRows; ++i)
    best.push_back(best_at[i] != second_at[i] && best_at[i] < kQueries && second_at[i] < kQueries);
  return best;
}

void check_nearest(const Kernels& kernels) {
  GoldenInput input;
  for (size_t dim = 1; dim < 70; ++dim) {
    const auto rows = make_rows<float>(input, dim);
    expect(is_near(best_scores(kernels.nearest, rows), best_scores(kScalarKernels.nearest, rows)),
           kernels, "the two nearest centroids");
  }
}

void check_levels(const Kernels& kernels) {
  GoldenInput input;
  for (const size_t dim : {64, 192, 512})
    for (unsigned width = 1; width <= 7; ++width)
      expect(finds_levels(kernels, input, width, dim), kernels, "the values of levels");
}

}  // namespace
}  // namespace dreamdb::simd

int main(int, char** argv) {
  using namespace dreamdb::simd;
  for (const Kernels* kernels : available()) {
    check_golden(*kernels);
    check_rows(*kernels);
    check_values(*kernels);
    check_nearest(*kernels);
    check_levels(*kernels);
  }
  // The caller says which instruction set it came for.
  const bool is_there = argv[1] != nullptr && std::strcmp(active().name, argv[1]) == 0;
  std::printf("%zu of %zu comparisons are wrong; the table in use is %s\n", wrong, compared,
              active().name);
  return wrong == 0 && is_there ? 0 : 1;
}
