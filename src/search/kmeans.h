// Lloyd's k-means over a sample of rows: the centroids of a spatial index.
//
// One seed gives one result on machines of one instruction set, however many threads take part: a
// cell's rows are added up in their order.
//
// Thread rule: pure; `TrainOptions::run` brings the threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "dreamdb/result.h"
#include "search/exact.h"

namespace dreamdb {

inline constexpr size_t kCellsMax = size_t{1} << 24;  // spec 12.6
// More rows of a sample than this a centroid hardly change what is found.
inline constexpr size_t kRowsACentroid = 64;

// How many cells an index over so many rows gets: the greater of sqrt(rows) and rows / 4096, so
// that a cell is read by few requests and few cells are many.
size_t default_cells(uint64_t rows);

struct TrainProgress {
  size_t round = 0, rounds_max = 0;  // rounds done
  uint64_t rows = 0, rows_all = 0;   // assigned in this round
  double spread = 0;                 // of the last round that is done; 0: none is
};

struct TrainOptions {
  size_t cells = 0;
  Metric metric = Metric::kCosine;
  uint64_t seed = 0;
  size_t rounds_max = 10;
  // Ends when a round makes the spread smaller by less than this part of it.
  double gain_min = 0.001;
  // Calls the function for each index below `count`, in any order and on any threads, and returns
  // when all have returned: ThreadPool::parallel_for. Empty: one after the other.
  std::function<void(size_t count, const std::function<void(size_t)>&)> run;
  // Called on the caller's thread, several times a round; false ends the training.
  std::function<bool(const TrainProgress&)> progress;
};

struct Training {
  std::vector<float> centroids;  // [cells, dim], finite, no two equal
  size_t cells = 0;              // fewer than asked for where fewer rows differ
  size_t dim = 0;
  uint64_t rows = 0;  // that it was trained on
  double spread = 0;  // mean of |x - c|^2 over them, c being the nearest of `centroids`
  size_t rounds = 0;
};

// rows: [n, dim], placed (`place_vector`); which of them begin as centroids, the seed decides.
// Zero vectors have no direction and are left out under cosine. A cell that loses its rows gets
// half of a large one.
// Holds 8 bytes a row, and 12 bytes a dimension of each cell, besides the rows and the result.
// O(rounds n cells dim).
// InvalidArgument: no dimension, no cells or more than kCellsMax, a length that is no multiple of
// dim, NaN or infinity ("row 3 holds NaN ..."), fewer rows (with a direction) than cells: ask for
// fewer cells. Cancelled: progress said so.
Result<Training> train(std::span<const float> rows, size_t dim, const TrainOptions& options);

}  // namespace dreamdb
