#include "search/kmeans.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "search/assign.h"
#include "search/cell_order.h"
#include "search/split_mix.h"
#include "search/square_distance.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

constexpr uint64_t kRowsACell = 4096;  // of a large index
// Rows that are assigned at once, and pieces of them between two calls of `progress`.
constexpr size_t kPieceRows = 1024;
constexpr size_t kPiecesAStep = 64;
constexpr size_t kPieceCells = 16;
// Where a new cell begins: so far from the mean of the one that it halves, towards a row of it.
constexpr double kSplit = 1.0 / 1024;
constexpr uint32_t kNoCell = UINT32_MAX;

std::string row_name(size_t row) { return "row " + std::to_string(row) + " of the sample"; }

class Trainer {
 public:
  Trainer(std::span<const float> rows, size_t dim, const TrainOptions& options)
      : rows_(rows),
        dim_(dim),
        count_(rows.size() / dim),
        options_(options),
        cells_(count_),
        begins_(options.cells + 1) {}

  Status begin();
  // Assigns and moves in turn; at the end all rows are assigned to the centroids there are.
  Status go();
  Training finish() const;

 private:
  const float* row(size_t i) const { return rows_.data() + i * dim_; }
  float* centroid(size_t i) { return centroids_.data() + i * dim_; }
  size_t size_of(size_t cell) const { return begins_[cell + 1] - begins_[cell]; }
  void run(size_t count, const std::function<void(size_t)>& work) const;
  Status assign();
  double assign_piece(const Assigner& assigner, size_t first, size_t count);
  void sort_by_cell();
  void take_mean(size_t cell);
  void add(const float* values, std::vector<double>& sum) const;
  bool add_in_eights(std::span<const uint32_t> rows, std::vector<double>& sum) const;
  void fill_empty_cells();

  std::span<const float> rows_;
  size_t dim_, count_;
  const TrainOptions& options_;
  std::vector<uint32_t> cells_;    // of each row; kNoCell: left out
  std::vector<uint32_t> by_cell_;  // rows that are trained on, those of each cell ascending
  std::vector<uint32_t> begins_;   // of each cell there, and the end
  std::vector<float> centroids_;   // [cells, dim]
  TrainProgress progress_;
};

void Trainer::run(size_t count, const std::function<void(size_t)>& work) const {
  if (options_.run) return options_.run(count, work);
  for (size_t i = 0; i < count; ++i) work(i);
}

// Leaves out what has no direction, and draws the first centroids among the rest.
Status Trainer::begin() {
  for (size_t i = 0; i < count_; ++i) {
    if (!simd::all_finite_f32(row(i), dim_))
      return fail(Code::kInvalidArgument, row_name(i) +
                                              " holds NaN or infinity: train on rows of finite "
                                              "numbers");
    if (options_.metric == Metric::kCosine && !simd::any_nonzero_f32(row(i), dim_))
      cells_[i] = kNoCell;
    else
      by_cell_.push_back(static_cast<uint32_t>(i));
  }
  const size_t cells = options_.cells;
  if (by_cell_.size() < cells)
    return fail(Code::kInvalidArgument,
                "training " + std::to_string(cells) + " cells needs at least as many rows" +
                    (by_cell_.size() < count_ ? " that have a direction" : "") +
                    ", and there are " + std::to_string(by_cell_.size()) +
                    ": ask for fewer cells or give more rows");
  std::vector<uint32_t> drawn = by_cell_;
  SplitMix random(options_.seed);
  for (size_t i = 0; i < cells; ++i) {
    std::swap(drawn[i], drawn[i + random.below(drawn.size() - i)]);
    centroids_.insert(centroids_.end(), row(drawn[i]), row(drawn[i]) + dim_);
  }
  progress_.rounds_max = options_.rounds_max;
  progress_.rows_all = count_;
  return {};
}

Status Trainer::go() {
  for (double before = INFINITY;; before = progress_.spread) {
    DREAMDB_TRY(assign());
    sort_by_cell();
    const double spread = progress_.spread;
    if (progress_.round == options_.rounds_max || spread == 0) return {};
    if (before - spread < options_.gain_min * before) return {};
    const size_t cells = options_.cells;
    run((cells + kPieceCells - 1) / kPieceCells, [&](size_t piece) {
      const size_t first = piece * kPieceCells;
      for (size_t i = first; i < std::min(first + kPieceCells, cells); ++i) take_mean(i);
    });
    fill_empty_cells();
    ++progress_.round;
  }
}

Status Trainer::assign() {
  const Assigner assigner(centroids_, dim_);
  const size_t pieces = (count_ + kPieceRows - 1) / kPieceRows;
  std::vector<double> sums(pieces);
  for (size_t piece = 0; piece < pieces; piece += kPiecesAStep) {
    const size_t step = std::min(kPiecesAStep, pieces - piece);
    run(step, [&](size_t i) {
      const size_t first = (piece + i) * kPieceRows;
      sums[piece + i] = assign_piece(assigner, first, std::min(kPieceRows, count_ - first));
    });
    progress_.rows = std::min(count_, (piece + step) * kPieceRows);
    if (options_.progress && !options_.progress(progress_))
      return fail(Code::kCancelled, "training was stopped because the caller asked to");
  }
  progress_.spread =
      std::accumulate(sums.begin(), sums.end(), 0.0) / static_cast<double>(by_cell_.size());
  return {};
}

double Trainer::assign_piece(const Assigner& assigner, size_t first, size_t count) {
  std::vector<uint32_t> cells(count);
  std::vector<float> squares(count);
  assigner.assign(row(first), cells, squares);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    if (cells_[first + i] == kNoCell) continue;
    cells_[first + i] = cells[i];
    sum += std::isfinite(squares[i]) ? squares[i]
                                     : square_distance(row(first + i), centroid(cells[i]), dim_);
  }
  return sum;
}

void Trainer::sort_by_cell() {
  std::ranges::fill(begins_, 0u);
  for (const uint32_t cell : cells_)
    if (cell != kNoCell) ++begins_[cell + 1];
  std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
  std::vector<uint32_t> next(begins_.begin(), begins_.end() - 1);
  for (size_t i = 0; i < count_; ++i)
    if (cells_[i] != kNoCell) by_cell_[next[cells_[i]]++] = static_cast<uint32_t>(i);
}

void Trainer::take_mean(size_t cell) {
  if (size_of(cell) == 0) return;
  const auto rows = std::span(by_cell_).subspan(begins_[cell], size_of(cell));
  std::vector<double> sum(dim_);
  if (!add_in_eights(rows, sum)) {
    std::ranges::fill(sum, 0.0);
    for (const uint32_t i : rows) add(row(i), sum);
  }
  const auto size = static_cast<double>(size_of(cell));
  for (size_t j = 0; j < dim_; ++j) centroid(cell)[j] = static_cast<float>(sum[j] / size);
}

void Trainer::add(const float* values, std::vector<double>& sum) const {
  for (size_t j = 0; j < dim_; ++j) sum[j] += values[j];
}

// Eight rows are added up in f32, which is as exact as they are and takes a fourth of the time;
// false: f32 cannot hold their sum.
bool Trainer::add_in_eights(std::span<const uint32_t> rows, std::vector<double>& sum) const {
  size_t i = 0;
  for (; i + 8 <= rows.size(); i += 8) {
    const float* x[8];
    for (size_t r = 0; r < 8; ++r) x[r] = row(rows[i + r]);
    for (size_t j = 0; j < dim_; ++j)
      sum[j] +=
          ((x[0][j] + x[1][j]) + (x[2][j] + x[3][j])) + ((x[4][j] + x[5][j]) + (x[6][j] + x[7][j]));
  }
  for (; i < rows.size(); ++i) add(row(rows[i]), sum);
  return std::ranges::all_of(sum, [](double value) { return std::isfinite(value); });
}

// The largest cells first, each split once.
void Trainer::fill_empty_cells() {
  std::vector<uint32_t> by_size(options_.cells);
  std::iota(by_size.begin(), by_size.end(), 0u);
  std::ranges::sort(by_size, [&](uint32_t a, uint32_t b) {
    return size_of(a) != size_of(b) ? size_of(a) > size_of(b) : a < b;
  });
  size_t next = 0;
  for (size_t i = 0; i < options_.cells; ++i) {
    if (size_of(i) != 0 || size_of(by_size[next]) < 2) continue;
    const size_t large = by_size[next++];
    const float* const towards = row(by_cell_[begins_[large]]);
    for (size_t j = 0; j < dim_; ++j) {
      const double mean = centroid(large)[j];
      centroid(i)[j] = static_cast<float>(mean + kSplit * (towards[j] - mean));
    }
  }
}

Training Trainer::finish() const {
  std::vector<float> used;
  for (size_t i = 0; i < options_.cells; ++i) {
    if (size_of(i) == 0) continue;
    const auto* const values = centroids_.data() + i * dim_;
    used.insert(used.end(), values, values + dim_);
  }
  Training out;
  for (const uint32_t i : order_in_space(used, dim_)) {
    const auto* const values = used.data() + i * dim_;
    out.centroids.insert(out.centroids.end(), values, values + dim_);
  }
  out.cells = used.size() / dim_;
  out.dim = dim_;
  out.rows = by_cell_.size();
  out.spread = progress_.spread;
  out.rounds = progress_.round;
  return out;
}

}  // namespace

size_t default_cells(uint64_t rows) {
  const auto root = static_cast<uint64_t>(std::ceil(std::sqrt(static_cast<double>(rows))));
  return std::clamp<uint64_t>(std::max(root, rows / kRowsACell), 1, kCellsMax);
}

Result<Training> train(std::span<const float> rows, size_t dim, const TrainOptions& options) {
  if (dim == 0 || rows.size() % dim != 0)
    return fail(Code::kInvalidArgument, "a sample of " + std::to_string(rows.size()) +
                                            " numbers is no whole number of rows of " +
                                            std::to_string(dim) + " dimensions");
  if (options.cells == 0 || options.cells > kCellsMax)
    return fail(Code::kInvalidArgument, "an index has 1 to " + std::to_string(kCellsMax) +
                                            " cells, not " + std::to_string(options.cells));
  if (rows.size() / dim >= kNoCell)
    return fail(Code::kInvalidArgument, "a sample of " + std::to_string(rows.size() / dim) +
                                            " rows is too large: train on fewer than 2^32");
  Trainer trainer(rows, dim, options);
  DREAMDB_TRY(trainer.begin());
  DREAMDB_TRY(trainer.go());
  return trainer.finish();
}

}  // namespace dreamdb
