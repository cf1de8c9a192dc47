#include "search/structured_cells.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "search/assign.h"
#include "search/split_mix.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

constexpr size_t kPieceRows = 512;
constexpr size_t kSpreadRows = 4096;  // of which the spread is taken
constexpr double kStraight = 1e-3;    // of a drawn normal: what is left of it at least

std::unexpected<Error> refuse(const std::string& why) { return fail(Code::kInvalidArgument, why); }

// Columns [first, first + width) of rows [n, dim].
std::vector<float> columns(std::span<const float> rows, size_t dim, size_t first, size_t width) {
  std::vector<float> out;
  out.reserve(rows.size() / dim * width);
  for (size_t i = 0; i < rows.size(); i += dim) {
    const auto part = rows.subspan(i + first, width);
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

// Rows with a direction, or all where rows need none.
Result<std::vector<float>> usable(std::span<const float> rows, size_t dim, Metric metric) {
  if (!simd::all_finite_f32(rows.data(), rows.size()))
    return refuse("the sample holds NaN or infinity: train on rows of finite numbers");
  std::vector<float> out;
  for (size_t i = 0; i < rows.size(); i += dim) {
    const auto row = rows.subspan(i, dim);
    if (metric == Metric::kCosine && !simd::any_nonzero_f32(row.data(), dim)) continue;
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

void run(const TrainOptions& options, size_t count, const std::function<void(size_t)>& work) {
  if (options.run) return options.run(count, work);
  for (size_t i = 0; i < count; ++i) work(i);
}

Status tell(const TrainOptions& options, uint64_t rows, uint64_t rows_all) {
  if (!options.progress || options.progress({0, 1, rows, rows_all, 0})) return {};
  return fail(Code::kCancelled, "training was stopped because the caller asked to");
}

// Of some rows, evenly drawn.
Result<double> mean_square(std::span<const float> rows, std::span<const float> centroids,
                           size_t dim, const TrainOptions& options) {
  const Assigner assigner(centroids, dim);
  const size_t count = rows.size() / dim, step = count / kSpreadRows + 1;
  std::vector<float> drawn;
  for (size_t i = 0; i < count; i += step) {
    const auto row = rows.subspan(i * dim, dim);
    drawn.insert(drawn.end(), row.begin(), row.end());
  }
  const size_t used = drawn.size() / dim;
  std::vector<float> squares(used);
  std::vector<uint32_t> cells(used);
  DREAMDB_TRY(tell(options, 0, used));
  run(options, (used + kPieceRows - 1) / kPieceRows, [&](size_t piece) {
    const size_t first = piece * kPieceRows, size = std::min(kPieceRows, used - first);
    assigner.assign(drawn.data() + first * dim, std::span(cells).subspan(first, size),
                    std::span(squares).subspan(first, size));
  });
  double sum = 0;
  for (const float square : squares) sum += static_cast<double>(square);
  return sum / static_cast<double>(used);
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

// Takes off what `vector` has along the others, and makes it of length 1; false: too little is
// left.
bool straighten(std::vector<double>& vector, std::span<const std::vector<double>> others) {
  const double before = std::sqrt(dot(vector, vector));
  for (int pass = 0; pass < 2; ++pass)  // the second for what rounding left
    for (const auto& other : others) {
      const double along = dot(vector, other);
      for (size_t j = 0; j < vector.size(); ++j) vector[j] -= along * other[j];
    }
  const double length = std::sqrt(dot(vector, vector));
  if (!(length > kStraight * before)) return false;
  for (double& value : vector) value /= length;
  return true;
}

// [planes][dim], each at right angles to the others and to `mean`.
std::vector<std::vector<double>> draw_normals(std::span<const double> mean, size_t planes,
                                              uint64_t seed) {
  const size_t dim = mean.size();
  std::vector<std::vector<double>> basis;
  std::vector<double> first(mean.begin(), mean.end());
  const bool has_mean = straighten(first, {});
  if (has_mean) basis.push_back(std::move(first));
  SplitMix random(seed);
  while (basis.size() < planes + (has_mean ? 1 : 0)) {
    std::vector<double> normal(dim);
    for (double& value : normal) value = 2 * random.uniform() - 1;
    if (straighten(normal, basis)) basis.push_back(std::move(normal));
  }
  if (has_mean) basis.erase(basis.begin());
  return basis;
}

}  // namespace

Result<Training> train_multi_index(std::span<const float> rows, size_t dim,
                                   const TrainOptions& options) {
  if (dim < 2) return refuse("a multi-index halves the dimensions, and there is one");
  DREAMDB_ASSIGN(const std::vector<float> own, usable(rows, dim, options.metric));
  const size_t first_cells = static_cast<size_t>(std::sqrt(static_cast<double>(options.cells)));
  if (first_cells < 2 || own.size() / dim < 4)
    return refuse("a multi-index has at least 4 cells, and rows for them; asked for are " +
                  std::to_string(options.cells) + " cells of " + std::to_string(own.size() / dim) +
                  " rows");
  const size_t half = dim / 2;
  TrainOptions part = options;
  part.metric = Metric::kL2;
  part.cells = first_cells;
  DREAMDB_ASSIGN(const Training first, train(columns(own, dim, 0, half), half, part));
  part.cells = options.cells / first_cells;
  DREAMDB_ASSIGN(const Training second,
                 train(columns(own, dim, half, dim - half), dim - half, part));
  Training out;
  out.cells = first.cells * second.cells;
  out.dim = dim;
  out.rows = own.size() / dim;
  out.rounds = first.rounds + second.rounds;
  out.centroids.reserve(out.cells * dim);
  for (size_t i = 0; i < first.cells; ++i)
    for (size_t j = 0; j < second.cells; ++j) {
      const auto a = std::span(first.centroids).subspan(i * half, half);
      const auto b = std::span(second.centroids).subspan(j * (dim - half), dim - half);
      out.centroids.insert(out.centroids.end(), a.begin(), a.end());
      out.centroids.insert(out.centroids.end(), b.begin(), b.end());
    }
  out.spread = first.spread + second.spread;
  return out;
}

Result<Training> draw_hyperplanes(std::span<const float> rows, size_t dim,
                                  const TrainOptions& options) {
  if (dim < 3) return refuse("hyperplanes need 3 dimensions; there are " + std::to_string(dim));
  DREAMDB_ASSIGN(const std::vector<float> own, usable(rows, dim, options.metric));
  const size_t count = own.size() / dim;
  if (options.cells < 2 || count < 2)
    return refuse("hyperplanes need 2 cells and 2 rows with a direction; asked for are " +
                  std::to_string(options.cells) + " cells of " + std::to_string(count) + " rows");
  const size_t planes =
      std::min<size_t>({static_cast<size_t>(std::bit_width(options.cells)) - 1, dim - 2,
                        static_cast<size_t>(std::bit_width(kCellsMax)) - 1});
  std::vector<double> mean(dim);
  for (size_t i = 0; i < own.size(); ++i) mean[i % dim] += own[i];
  for (double& value : mean) value /= static_cast<double>(count);
  auto normals = draw_normals(mean, planes, options.seed);
  // How far from a plane rows lie: the centroids that make codes' errors least lie as far.
  DREAMDB_TRY(tell(options, 0, count));
  std::vector<double> reach(normals.size());
  run(options, normals.size(), [&](size_t p) {
    for (size_t i = 0; i < count; ++i) {
      double along = 0;
      for (size_t j = 0; j < dim; ++j) along += (own[i * dim + j] - mean[j]) * normals[p][j];
      reach[p] += std::abs(along);
    }
    reach[p] /= static_cast<double>(count);
  });
  // On a plane that all rows lie on there are no two sides.
  for (size_t p = normals.size(); p-- > 0;) {
    if (reach[p] > 0) continue;
    normals.erase(normals.begin() + static_cast<ptrdiff_t>(p));
    reach.erase(reach.begin() + static_cast<ptrdiff_t>(p));
  }
  Training out;
  out.cells = size_t{1} << normals.size();
  out.dim = dim;
  out.rows = count;
  out.centroids.reserve(out.cells * dim);
  for (size_t cell = 0; cell < out.cells; ++cell) {
    std::vector<double> centroid = mean;
    for (size_t p = 0; p < normals.size(); ++p) {
      const double side = (cell >> p & 1) != 0 ? reach[p] : -reach[p];
      for (size_t j = 0; j < dim; ++j) centroid[j] += side * normals[p][j];
    }
    for (const double value : centroid) out.centroids.push_back(static_cast<float>(value));
  }
  DREAMDB_ASSIGN(out.spread, mean_square(own, out.centroids, dim, options));
  return out;
}

}  // namespace dreamdb
