// dreamdb_bench_assign: rows that find the nearest of many centroids, against the best matrix
// product of the same shape by OpenBLAS and oneDNN; a program of its own, for only it needs them.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "bench/baseline.h"
#include "bench/clip_like.h"
#include "bench/data.h"
#include "bench/figure.h"
#include "bench/products.h"
#include "search/assign.h"
#include "search/kmeans.h"
#include "simd/simd.h"

namespace dreamdb::bench {

namespace {

constexpr double kBar = 0.6;
constexpr size_t kPieceRows = 1024;
constexpr size_t kChecked = 2000;  // rows whose cells are compared with those of f32

// Seconds of processors that `work` takes: load from elsewhere hardly counts.
double processor_seconds(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const double start = now();
  work();
  return now() - start;
}

// The fastest of three, in the turn of one after the other.
const Product& best_of(const std::vector<Product>& products) {
  std::vector<double> seconds(products.size(), std::numeric_limits<double>::infinity());
  for (size_t turn = 0; turn < 3; ++turn)
    for (size_t i = 0; i < products.size(); ++i)
      seconds[i] = std::min(seconds[i], processor_seconds(products[i].once));
  return products[static_cast<size_t>(std::ranges::min_element(seconds) - seconds.begin())];
}

size_t other_cells(const Assigner& assigner, std::span<const float> rows,
                   std::span<const uint32_t> cells) {
  size_t other = 0;
  for (size_t i = 0; i < kChecked; ++i)
    other += assigner.nearest(rows.subspan(i * kDim, kDim), 1)[0] != cells[i];
  return other;
}

Status measure(size_t repeats, std::span<const float> rows, size_t k) {
  TrainOptions options;
  options.cells = k;
  options.rounds_max = 1;
  DREAMDB_ASSIGN(const Training trained, train(rows, kDim, options));
  const Assigner assigner(trained.centroids, kDim);
  const size_t count = rows.size() / kDim;
  std::vector<uint32_t> cells(count);
  const auto assign = [&] {
    for (size_t first = 0; first < count; first += kPieceRows)
      assigner.assign(rows.data() + first * kDim,
                      std::span(cells).subspan(first, std::min(kPieceRows, count - first)));
  };
  const bool bf16 = simd::nearest().rounding != 0;
  // A part of the rows decides which is the best.
  const size_t part = std::min<size_t>(count, 16384) / 4096 * 4096;
  DREAMDB_ASSIGN(const std::vector<Product> tried,
                 make_products(rows.first(part * kDim), trained.centroids, kDim, bf16));
  const std::string name = best_of(tried).name;
  DREAMDB_ASSIGN(
      const std::vector<Product> products,
      make_products(rows.first(count / 4096 * 4096 * kDim), trained.centroids, kDim, bf16));
  const Product& best = *std::ranges::find(products, name, &Product::name);

  const auto gigaflops = [&](size_t of_rows, double seconds) {
    return 2.0 * static_cast<double>(of_rows) * static_cast<double>(trained.cells * kDim) /
           seconds / 1e9;
  };
  Figure figure("assign, " + std::to_string(k) + " centroids", "GFLOP/s", name);
  figure.at_least(kBar);
  DREAMDB_ASSIGN(
      figure, alternate(
                  std::move(figure), repeats,
                  [&]() -> Result<double> { return gigaflops(count, processor_seconds(assign)); },
                  [&]() -> Result<double> {
                    return gigaflops(count / 4096 * 4096, processor_seconds(best.once));
                  }));
  figure.note = "of " + std::to_string(kChecked) + " rows " +
                std::to_string(other_cells(assigner, rows, cells)) +
                " are in another cell than by f32";
  print(figure);
  return {};
}

Status measure_all(size_t repeats, bool quick) {
  limit_products(simd::active().name);
  const size_t count = quick ? 20'480 : 100'000;
  std::vector<float> rows(count * kDim);
  const ClipLike source(*find_clip_preset("clustered"), kDim, 7);
  DREAMDB_TRY(on_threads(2, (count + kPieceRows - 1) / kPieceRows, [&](size_t piece) -> Status {
    const size_t first = piece * kPieceRows;
    source.vectors(first, std::min(kPieceRows, count - first), rows.data() + first * kDim);
    return {};
  }));
  for (const size_t k : {1024ul, 4096ul}) DREAMDB_TRY(measure(repeats, rows, k));
  return {};
}

}  // namespace

}  // namespace dreamdb::bench

// dreamdb_bench_assign [--repeats N] [--quick]; what else run.py gives to all programs is ignored.
int main(int argc, char** argv) {
  size_t repeats = 5;
  bool quick = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") quick = true;
    if (argument == "--repeats" && i + 1 < argc) repeats = std::strtoull(argv[++i], nullptr, 10);
  }
  const dreamdb::Status status = dreamdb::bench::measure_all(std::max<size_t>(repeats, 1), quick);
  if (status) return 0;
  std::fprintf(stderr, "dreamdb_bench_assign: %s: %s\n",
               std::string(dreamdb::code_name(status.error().code)).c_str(),
               status.error().message.c_str());
  return 1;
}
