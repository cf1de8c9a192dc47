// K-means in two levels, for more cells than one level can train: about sqrt(cells) coarse cells,
// and in each of them its share of the cells, trained on its own rows.
//
// A row is compared with some sqrt(cells) centroids instead of all, and of the sample only the rows
// of some coarse cells are held at a time. Recall and time beside those of one level: decision
// 0020.
//
// Thread rule: pure; `TrainOptions::run` brings the threads.
#pragma once

#include <functional>
#include <span>

#include "search/kmeans.h"

namespace dreamdb {

// More cells than these are trained in two levels: one takes minutes for them.
inline constexpr size_t kOneLevelCellsMax = 16'384;
// Rows of the sample of coarse cells, for each of these.
inline constexpr size_t kRowsACoarseCell = 256;

size_t coarse_cells(size_t cells);

// Reads the sample once: calls use(rows) with pieces of it, [n, dim], placed, the same rows in the
// same order each time. What `use` fails with ends it and is its error.
using SamplePass = std::function<Status(const std::function<Status(std::span<const float>)>& use)>;

// coarse: [n, dim], placed, kRowsACoarseCell for each of coarse_cells(options.cells), or all rows.
// pass: kRowsACentroid rows a cell, or all rows; read once, once more for each rows_held_max of
// them, and three times for rounds over all cells, in which a row is compared with those of the 16
// coarse cells nearest to its own. Each coarse cell gets cells by its rows.
// Holds rows_held_max rows, an even part of a coarse cell that has more; 4 bytes for each row of
// the sample; and then 8 bytes a dimension of each cell.
// As `train`, but that `spread` is that of the last round's begin, so not quite as small.
Result<Training> train_in_two_levels(std::span<const float> coarse, const SamplePass& pass,
                                     size_t dim, uint64_t rows_held_max,
                                     const TrainOptions& options);

}  // namespace dreamdb
