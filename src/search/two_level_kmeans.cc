#include "search/two_level_kmeans.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <queue>
#include <string>

#include "search/assign.h"
#include "search/cell_order.h"
#include "search/square_distance.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

constexpr size_t kPieceRows = 1024;
constexpr size_t kCellsAStep = 64;  // coarse cells trained between two calls of `progress`
constexpr uint32_t kNoCell = UINT32_MAX;
// What refines: coarse cells whose cells a row may move to, and how often. More find little more.
constexpr size_t kNeighbours = 16;
constexpr size_t kRefineRounds = 3;
constexpr size_t kSlices = 64;  // of the cells, added up side by side

// How many cells each coarse cell gets, which are `cells` in all: by its rows, at least one where
// it has any and at most one a row; fewer in all where rows are.
std::vector<size_t> share_cells(std::span<const uint64_t> rows, size_t cells) {
  std::vector<size_t> out(rows.size());
  using Claim = std::pair<double, size_t>;
  // Of equal claims the first coarse cell goes first.
  const auto is_less = [](const Claim& a, const Claim& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  };
  std::priority_queue<Claim, std::vector<Claim>, decltype(is_less)> claims(is_less);
  const auto claim = [&](size_t i) {
    if (out[i] == rows[i]) return;
    const double share = static_cast<double>(rows[i]) / (2 * static_cast<double>(out[i]) + 1);
    claims.emplace(out[i] == 0 ? INFINITY : share, i);
  };
  for (size_t i = 0; i < rows.size(); ++i) claim(i);
  for (size_t given = 0; given < cells && !claims.empty(); ++given) {
    const size_t i = claims.top().second;
    claims.pop();
    ++out[i];
    claim(i);
  }
  return out;
}

class TwoLevels {
 public:
  TwoLevels(const SamplePass& pass, size_t dim, uint64_t rows_held_max, const TrainOptions& options)
      : pass_(pass), dim_(dim), rows_held_max_(rows_held_max), options_(options) {
    out_.dim = dim;
  }

  // Coarse cells.
  Status begin(std::span<const float> coarse) {
    TrainOptions first = options_;
    first.cells = std::min(coarse_cells(options_.cells), coarse.size() / dim_);
    first.progress = [&](const TrainProgress& p) {
      const uint64_t all = std::max<uint64_t>(1, p.rounds_max * p.rows_all);
      return tell(0, p.rows_all * (p.round * p.rows_all + p.rows) / all, p.rows_all);
    };
    DREAMDB_ASSIGN(const Training trained, train(coarse, dim_, first));
    coarse_ = trained.centroids;
    return {};
  }

  // The coarse cell of each row.
  Status place() {
    const Assigner assigner(coarse_, dim_);
    rows_.assign(assigner.count(), 0);
    const auto use = [&](std::span<const float> rows) -> Status {
      const size_t first = cells_.size(), count = rows.size() / dim_;
      cells_.resize(first + count, kNoCell);
      std::vector<uint8_t> finite((count + kPieceRows - 1) / kPieceRows);
      run(finite.size(), [&](size_t piece) {
        const size_t begin = piece * kPieceRows, n = std::min(kPieceRows, count - begin);
        const float* const values = rows.data() + begin * dim_;
        finite[piece] = simd::all_finite_f32(values, n * dim_);
        if (finite[piece]) assigner.assign(values, std::span(cells_).subspan(first + begin, n));
      });
      if (std::ranges::count(finite, 0) > 0)
        return fail(Code::kInvalidArgument,
                    "a row of the sample holds NaN or infinity: train on rows of finite numbers");
      for (size_t i = 0; i < count; ++i) {
        uint32_t& cell = cells_[first + i];
        if (options_.metric == Metric::kCosine &&
            !simd::any_nonzero_f32(rows.data() + i * dim_, dim_))
          cell = kNoCell;
        else
          ++rows_[cell];
      }
      return told(1, 0);
    };
    DREAMDB_TRY(pass_(use));
    out_.rows = std::accumulate(rows_.begin(), rows_.end(), uint64_t{0});
    if (out_.rows >= options_.cells) return {};
    return fail(Code::kInvalidArgument,
                "training " + std::to_string(options_.cells) +
                    " cells needs at least as many rows that have a direction, and there are " +
                    std::to_string(out_.rows) + ": ask for fewer cells or give more rows");
  }

  // The cells of each coarse cell.
  Status divide() {
    for (uint64_t& rows : rows_) held_.push_back(std::min(rows, rows_held_max_));
    cells_of_ = share_cells(held_, options_.cells);
    for (size_t first = 0, end = 0; first < held_.size(); first = end) {
      uint64_t rows = 0;
      while (end < held_.size() && (end == first || rows + held_[end] <= rows_held_max_))
        rows += held_[end++];
      DREAMDB_TRY(gather(first, end));
      DREAMDB_TRY(train_cells(first, end));
    }
    return {};
  }

  // Moves the cells of all coarse cells together: rows near an edge may be nearer to a cell behind
  // it.
  Status refine() {
    find_neighbours();
    for (size_t round = 0; round < kRefineRounds; ++round) DREAMDB_TRY(refine_once(round));
    return {};
  }

  Training finish() {
    drop_equal();
    Training out = std::move(out_);
    const std::vector<float> found = std::move(out.centroids);
    out.centroids.clear();
    for (const uint32_t i : order_in_space(found, dim_)) {
      const auto* const values = found.data() + i * dim_;
      out.centroids.insert(out.centroids.end(), values, values + dim_);
    }
    out.cells = out.centroids.size() / dim_;
    out.spread = spread_ / static_cast<double>(out.rows);
    return out;
  }

 private:
  void run(size_t count, const std::function<void(size_t)>& work) const {
    if (options_.run) return options_.run(count, work);
    for (size_t i = 0; i < count; ++i) work(i);
  }

  // round: 0 for coarse cells, 1 for their cells, then those of `refine`.
  bool tell(size_t round, uint64_t rows, uint64_t rows_all) const {
    return !options_.progress || options_.progress({round, 2 + kRefineRounds, rows, rows_all, 0});
  }
  Status told(size_t round, uint64_t rows) const {
    if (tell(round, rows, cells_.size())) return {};
    return fail(Code::kCancelled, "training was stopped because the caller asked to");
  }

  // The rows of coarse cells [first, end).
  Status gather(size_t first, size_t end) {
    gathered_.assign(end - first, {});
    for (size_t i = first; i < end; ++i) gathered_[i - first].reserve(held_[i] * dim_);
    std::vector<uint64_t> met(end - first);
    size_t at = 0;
    const auto use = [&](std::span<const float> rows) -> Status {
      for (size_t i = 0; i < rows.size() / dim_; ++i, ++at) {
        const size_t cell = cells_[at];
        if (cell < first || cell >= end) continue;
        // Of too many an even part: those at which the part grows by one.
        const uint64_t number = met[cell - first]++;
        if ((number + 1) * held_[cell] / rows_[cell] == number * held_[cell] / rows_[cell])
          continue;
        const auto row = rows.subspan(i * dim_, dim_);
        gathered_[cell - first].insert(gathered_[cell - first].end(), row.begin(), row.end());
      }
      return told(1, done_);
    };
    return pass_(use);
  }

  Status train_cells(size_t first, size_t end) {
    for (size_t i = first; i < end; i += kCellsAStep) {
      const size_t step = std::min(kCellsAStep, end - i);
      std::vector<Result<Training>> trained(step);
      run(step, [&](size_t k) {
        if (cells_of_[i + k] > 0) trained[k] = train_one(i + k, gathered_[i + k - first]);
      });
      for (size_t k = 0; k < step; ++k) {
        DREAMDB_ASSIGN(const Training part, std::move(trained[k]));
        out_.centroids.insert(out_.centroids.end(), part.centroids.begin(), part.centroids.end());
        first_cells_.push_back(static_cast<uint32_t>(out_.centroids.size() / dim_));
        out_.rounds = std::max(out_.rounds, part.rounds);
        spread_ += part.spread * static_cast<double>(rows_[i + k]);
        done_ += rows_[i + k];
      }
      DREAMDB_TRY(told(1, done_));
    }
    return {};
  }

  Result<Training> train_one(size_t coarse, std::span<const float> rows) const {
    TrainOptions options;
    options.cells = cells_of_[coarse];
    options.metric = options_.metric;
    options.seed = options_.seed + coarse;
    options.rounds_max = options_.rounds_max;
    options.gain_min = options_.gain_min;
    return train(rows, dim_, options);
  }

  std::span<const float> cells_of_coarse(size_t i) const {
    return std::span(out_.centroids)
        .subspan(first_cells_[i] * dim_, (first_cells_[i + 1] - first_cells_[i]) * dim_);
  }

  void find_neighbours() {
    const Assigner coarse(coarse_, dim_);
    neighbours_.resize(coarse.count());
    run(coarse.count(), [&](size_t i) {
      neighbours_[i] = coarse.nearest(std::span(coarse_).subspan(i * dim_, dim_), kNeighbours);
      std::erase_if(neighbours_[i], [&](uint32_t n) { return cells_of_coarse(n).empty(); });
    });
  }

  Status refine_once(size_t round) {
    std::vector<std::unique_ptr<Assigner>> assigners(neighbours_.size());
    run(assigners.size(), [&](size_t i) {
      if (!cells_of_coarse(i).empty())
        assigners[i] = std::make_unique<Assigner>(cells_of_coarse(i), dim_);
    });
    std::vector<double> sums(out_.centroids.size());
    std::vector<uint64_t> counts(sums.size() / dim_);
    size_t at = 0;
    spread_ = 0;
    const auto use = [&](std::span<const float> rows) -> Status {
      const auto coarse = std::span(cells_).subspan(at, rows.size() / dim_);
      const auto found = find_cells(assigners, coarse, rows);
      add_up(found, rows, sums, counts);
      for (const Place& place : found) spread_ += place.square;
      at += coarse.size();
      return told(2 + round, at);
    };
    DREAMDB_TRY(pass_(use));
    for (size_t i = 0; i < counts.size(); ++i)
      for (size_t j = 0; counts[i] > 0 && j < dim_; ++j)
        out_.centroids[i * dim_ + j] =
            static_cast<float>(sums[i * dim_ + j] / static_cast<double>(counts[i]));
    return {};
  }

  struct Place {
    uint32_t cell, row;
    double square;
  };

  // The cell of each row that is trained on, among those of the neighbours of its coarse cell;
  // ascending by cell and row.
  std::vector<Place> find_cells(std::span<const std::unique_ptr<Assigner>> assigners,
                                std::span<const uint32_t> coarse,
                                std::span<const float> rows) const {
    std::vector<std::vector<Place>> groups(assigners.size());
    for (size_t i = 0; i < coarse.size(); ++i)
      if (coarse[i] != kNoCell)
        groups[coarse[i]].push_back({kNoCell, static_cast<uint32_t>(i), INFINITY});
    run(groups.size(), [&](size_t i) { find_cells_of(i, assigners, rows, groups[i]); });
    std::vector<Place> out;
    for (const auto& group : groups) out.insert(out.end(), group.begin(), group.end());
    std::ranges::sort(out, {}, [](const Place& p) { return std::pair(p.cell, p.row); });
    return out;
  }

  void find_cells_of(size_t coarse, std::span<const std::unique_ptr<Assigner>> assigners,
                     std::span<const float> rows, std::vector<Place>& places) const {
    std::vector<float> values;
    for (const Place& place : places) {
      const auto row = rows.subspan(place.row * dim_, dim_);
      values.insert(values.end(), row.begin(), row.end());
    }
    std::vector<uint32_t> cells(places.size());
    std::vector<float> squares(places.size());
    for (const uint32_t neighbour : neighbours_[coarse]) {
      assigners[neighbour]->assign(values.data(), cells, squares);
      for (size_t i = 0; i < places.size(); ++i) {
        const uint32_t cell = first_cells_[neighbour] + cells[i];
        const double square = std::isfinite(squares[i])
                                  ? squares[i]
                                  : square_distance(values.data() + i * dim_,
                                                    out_.centroids.data() + cell * dim_, dim_);
        if (square < places[i].square) places[i] = {cell, places[i].row, square};
      }
    }
  }

  // places: ascending by cell; each slice of the cells on one thread.
  void add_up(std::span<const Place> places, std::span<const float> rows, std::vector<double>& sums,
              std::vector<uint64_t>& counts) const {
    run(kSlices, [&](size_t slice) {
      const auto begin =
          std::ranges::lower_bound(places, counts.size() * slice / kSlices, {}, &Place::cell);
      for (auto place = begin;
           place != places.end() && place->cell < counts.size() * (slice + 1) / kSlices; ++place) {
        ++counts[place->cell];
        double* const sum = sums.data() + place->cell * dim_;
        const float* const row = rows.data() + place->row * dim_;
        for (size_t j = 0; j < dim_; ++j) sum[j] += row[j];
      }
    });
  }

  // Rows that are equal, or nearly so, may stand in several coarse cells.
  void drop_equal() {
    const std::vector<float>& all = out_.centroids;
    const auto at = [&](size_t i) { return std::span(all).subspan(i * dim_, dim_); };
    std::vector<size_t> order(all.size() / dim_);
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order, [&](size_t a, size_t b) {
      return std::ranges::lexicographical_compare(at(a), at(b));
    });
    std::vector<float> kept;
    for (size_t i = 0; i < order.size(); ++i) {
      const auto row = at(order[i]);
      if (i == 0 || !std::ranges::equal(row, at(order[i - 1])))
        kept.insert(kept.end(), row.begin(), row.end());
    }
    out_.centroids = std::move(kept);
  }

  const SamplePass& pass_;
  const size_t dim_;
  const uint64_t rows_held_max_;
  const TrainOptions& options_;
  std::vector<float> coarse_;          // [coarse cells, dim]
  std::vector<uint32_t> cells_;        // coarse cell of each row of the sample
  std::vector<uint64_t> rows_, held_;  // of each coarse cell
  std::vector<size_t> cells_of_;       // of each coarse cell
  std::vector<std::vector<float>> gathered_;
  std::vector<uint32_t> first_cells_ = {0};        // of each coarse cell, and the end
  std::vector<std::vector<uint32_t>> neighbours_;  // of each coarse cell, itself among them
  uint64_t done_ = 0;                              // rows of coarse cells that are divided
  double spread_ = 0;                              // sum over these
  Training out_;
};

}  // namespace

size_t coarse_cells(size_t cells) {
  return static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(cells))));
}

Result<Training> train_in_two_levels(std::span<const float> coarse, const SamplePass& pass,
                                     size_t dim, uint64_t rows_held_max,
                                     const TrainOptions& options) {
  TwoLevels levels(pass, dim, rows_held_max, options);
  DREAMDB_TRY(levels.begin(coarse));
  DREAMDB_TRY(levels.place());
  DREAMDB_TRY(levels.divide());
  DREAMDB_TRY(levels.refine());
  return levels.finish();
}

}  // namespace dreamdb
