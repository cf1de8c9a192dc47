// What 1-bit codes find: recall@10 by the estimates alone, and with the exact scores of those rows
// that the bounds leave in doubt. Without cells, as below 50,000 rows, and in the nearest of 1,024.
#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/clip_like.h"
#include "search/assign.h"
#include "search/exact.h"
#include "search/kmeans.h"
#include "search/vector_code.h"
#include "simd/simd.h"

namespace dreamdb::bench {

namespace {

constexpr size_t kTop = 10;
constexpr size_t kQueries = 128;
constexpr double kRecallBar = 0.99;
constexpr size_t kPieceRows = 1000;

// Calls work(first, count) for pieces of `rows`.
template <typename F>
void for_pieces(size_t threads, size_t rows, F work) {
  (void)on_threads(threads, (rows + kPieceRows - 1) / kPieceRows, [&](size_t piece) -> Status {
    const size_t first = piece * kPieceRows;
    work(first, std::min(kPieceRows, rows - first));
    return {};
  });
}

// [cells, kDim]
std::vector<float> train_cells(std::span<const float> rows, size_t cells, size_t threads) {
  TrainOptions options;
  options.cells = cells;
  options.run = [threads](size_t count, const std::function<void(size_t)>& work) {
    (void)on_threads(threads, count, [&](size_t i) -> Status {
      work(i);
      return {};
    });
  };
  const size_t sample = std::min(rows.size() / kDim, cells * kRowsACentroid);
  auto trained = train(rows.first(sample * kDim), kDim, options);
  DREAMDB_ASSERT(trained && trained->cells == cells);
  return std::move(trained->centroids);
}

// The rows of one preset with their codes by cell.
class CellCodes {
 public:
  CellCodes(const ClipLike& source, size_t rows, size_t cells, size_t threads)
      : rows_(rows), vectors_(rows * kDim), codes_(rows * kDim / 64), factors_(3 * rows) {
    for_pieces(threads, rows, [&](size_t first, size_t count) {
      source.vectors(first, count, vectors_.data() + first * kDim);
    });
    centroids_ = train_cells(vectors_, cells, threads);
    sort_rows(threads);
    frame_.signs = make_signs(kDim, 1);
    frame_.origin = train_cells(vectors_, 1, threads);
    (void)on_threads(threads, cells, [&](size_t cell) -> Status {
      encode(cell);
      return {};
    });
  }

  // Positions of rows by cell: those of cell i are [begin(i), begin(i + 1)).
  size_t begin(size_t cell) const { return begins_[cell]; }

  // The exact best; anchors are positions.
  std::vector<Hit> exact(std::span<const float> query) const {
    const auto queries = make_queries(query, 1, kDim, Metric::kCosine);
    TopK top(kTop);
    scan_exact(*queries, reinterpret_cast<const std::byte*>(vectors_.data()), Dtype::kF32,
               positions_.data(), rows_, nullptr, {&top, 1});
    return top.take_sorted();
  }

  // The cells of the nearest centroids.
  std::vector<size_t> nearest(std::span<const float> query, size_t probes) const {
    TopK top(probes);
    std::vector<float> products(cells());
    simd::dot_rows_f32(query.data(), centroids_.data(), cells(), kDim, products.data());
    for (size_t i = 0; i < products.size(); ++i) top.offer(i, products[i]);
    std::vector<size_t> found;
    for (const Hit& hit : top.take_sorted()) found.push_back(hit.anchor);
    return found;
  }

  // lower, upper: of the rows of the cell.
  void scan(const CodeQuery& prepared, std::span<const float> query, double slack, size_t cell,
            float* lower, float* upper) const {
    double base = 0, apart = 0;
    for (size_t j = 0; j < kDim; ++j) {
      base += centroid(cell)[j] * query[j];
      apart += std::pow(query[j] - centroid(cell)[j], 2);
    }
    const simd::BitQuery scanned{prepared.planes(), frame_.words(), prepared.unit(),
                                 static_cast<float>(base),
                                 static_cast<float>(slack * std::sqrt(apart))};
    const float* const factors = factors_.data() + begins_[cell];
    simd::scan_bits(scanned, codes_.data() + begins_[cell] * frame_.words(), factors,
                    factors + rows_, factors + 2 * rows_, begins_[cell + 1] - begins_[cell], lower,
                    upper);
  }

  const CodeFrame& frame() const { return frame_; }
  size_t rows() const { return rows_; }

 private:
  size_t cells() const { return centroids_.size() / kDim; }
  std::span<const float> centroid(size_t cell) const {
    return std::span(centroids_).subspan(cell * kDim, kDim);
  }

  void sort_rows(size_t threads) {
    std::vector<uint32_t> nearest_cells(rows_);
    const Assigner assigner(centroids_, kDim);
    for_pieces(threads, rows_, [&](size_t first, size_t count) {
      assigner.assign(vectors_.data() + first * kDim,
                      std::span(nearest_cells).subspan(first, count));
    });
    std::vector<uint64_t> order(rows_);
    for (uint64_t i = 0; i < rows_; ++i) order[i] = i;
    std::ranges::stable_sort(order, {}, [&](uint64_t i) { return nearest_cells[i]; });
    std::vector<float> sorted(vectors_.size());
    begins_.assign(cells() + 1, rows_);
    for (size_t i = rows_; i-- > 0;) {
      std::copy_n(vectors_.data() + order[i] * kDim, kDim, sorted.data() + i * kDim);
      begins_[nearest_cells[order[i]]] = i;
    }
    // A cell without rows begins where the next one does.
    for (size_t cell = cells(); cell-- > 0;)
      begins_[cell] = std::min(begins_[cell], begins_[cell + 1]);
    vectors_ = std::move(sorted);
    for (uint64_t i = 0; i < rows_; ++i) positions_.push_back(i);
  }

  void encode(size_t cell) {
    CellEncoder encoder(frame_, centroid(cell));
    std::vector<float> placed(kDim);
    for (size_t i = begins_[cell]; i < begins_[cell + 1]; ++i) {
      place_vector(Metric::kCosine, {vectors_.data() + i * kDim, kDim}, placed);
      const CodeFactors found = encoder.encode(placed, codes_.data() + i * frame_.words());
      factors_[i] = found.add;
      factors_[rows_ + i] = found.scale;
      factors_[2 * rows_ + i] = found.error;
    }
  }

  size_t rows_;
  std::vector<float> vectors_;
  std::vector<uint64_t> codes_;
  std::vector<float> factors_;  // add, scale, error
  std::vector<uint64_t> positions_;
  std::vector<size_t> begins_;
  std::vector<float> centroids_;
  CodeFrame frame_;
};

struct Found {
  double codes = 0, reranked = 0;  // recall@10
  double exact_rows = 0;           // whose exact scores are asked for
  double attainable = 0;           // recall@10 of all rows of the probed cells
};

Found recall_of(const CellCodes& codes, size_t probes, double slack, std::span<const float> query) {
  std::vector<float> placed(kDim);
  place_vector(Metric::kCosine, query, placed);
  const CodeQuery prepared(codes.frame(), placed);
  std::vector<float> lower(codes.rows(), -2.0f), upper(codes.rows(), -2.0f);
  for (const size_t cell : codes.nearest(placed, probes)) {
    const size_t begin = codes.begin(cell);
    codes.scan(prepared, placed, slack, cell, lower.data() + begin, upper.data() + begin);
  }
  std::vector<float> middle(codes.rows());
  for (size_t i = 0; i < middle.size(); ++i) middle[i] = lower[i] + (upper[i] - lower[i]) / 2;
  const auto tenth = [](const std::vector<float>& values) {
    std::vector<float> best(kTop);
    std::ranges::partial_sort_copy(values, best, std::greater<>());
    return best.back();
  };
  const float by_codes = tenth(middle), in_doubt = tenth(lower);
  Found found;
  for (const float value : upper) found.exact_rows += value >= in_doubt;
  for (const Hit& hit : codes.exact(query)) {
    found.codes += middle[hit.anchor] >= by_codes ? 1.0 / kTop : 0;
    found.reranked += upper[hit.anchor] >= in_doubt ? 1.0 / kTop : 0;
    found.attainable += upper[hit.anchor] > -2.0f ? 1.0 / kTop : 0;
  }
  return found;
}

struct Probe {
  size_t probes;
  double slack;  // of the bounds, in deviations
  double bar;    // 0: none
};

void print_recall(const std::string& name, const CellCodes& codes, const Probe& probe,
                  std::span<const float> queries, size_t threads) {
  std::vector<Found> found(kQueries);
  (void)on_threads(threads, kQueries, [&](size_t i) -> Status {
    found[i] = recall_of(codes, probe.probes, probe.slack, queries.subspan(i * kDim, kDim));
    return {};
  });
  Found sum;
  for (const Found& one : found) {
    sum.codes += one.codes / kQueries;
    sum.reranked += one.reranked / kQueries;
    sum.exact_rows += one.exact_rows / kQueries;
    sum.attainable += one.attainable / kQueries;
  }
  Figure figure(name, "recall@10", "all rows of the cells");
  if (probe.bar > 0) figure.at_least(probe.bar);
  figure.ours = sum.reranked;
  figure.baseline = sum.attainable;
  figure.ratio = sum.reranked / sum.attainable;
  figure.note = "codes alone " + std::to_string(sum.codes).substr(0, 5) + ", exact rows " +
                std::to_string(std::lround(sum.exact_rows)) + " of " + std::to_string(codes.rows());
  print(figure);
}

void measure_recall(const Settings& settings, const ClipPreset& preset, size_t rows, size_t cells,
                    const Probe& probe) {
  const ClipLike source(preset, kDim, 7);
  const CellCodes codes(source, rows, cells, settings.threads);
  const std::string name = "codes, " + std::string(preset.name) + ", " + std::to_string(cells) +
                           (cells == 1 ? " cell" : " cells");
  std::vector<float> queries(kQueries * kDim);
  source.queries_like_data(0, kQueries, queries.data());
  print_recall(name + ", like data", codes, probe, queries, settings.threads);
  source.queries_like_text(0, kQueries, queries.data());
  print_recall(name + ", like text", codes, probe, queries, settings.threads);
}

}  // namespace

Status codes(const Settings& settings) {
  for (const ClipPreset& preset : clip_presets())
    measure_recall(settings, preset, settings.quick ? 10'000 : 50'000, 1, {1, 1.5, kRecallBar});
  for (const ClipPreset& preset : clip_presets()) {
    const size_t cells = settings.quick ? 256 : 1024;
    const double bar = preset.name == "easy" ? kRecallBar : 0;
    measure_recall(settings, preset, settings.quick ? 50'000 : 500'000, cells,
                   {cells / 8, 1.3, bar});
  }
  return {};
}

}  // namespace dreamdb::bench
