// Centroids with a structure, which are cheaper to come by than trained ones and find less: of an
// inverted multi-index and of hyperplanes. The result is used like that of k-means.
//
// Source: Babenko and Lempitsky, The Inverted Multi-Index (2012); Charikar, Similarity Estimation
// Techniques from Rounding Algorithms (2002). Thread rule: pure; `TrainOptions::run` brings the
// threads.
#pragma once

#include <span>

#include "search/kmeans.h"

namespace dreamdb {

// Every pair of a centroid of the first half of the dimensions and one of the second half: k-means
// of about sqrt(cells) in each half, so O(rounds n sqrt(cells) dim). Cells: the greatest product
// of two such numbers that is at most what was asked for, at least 4; fewer where fewer rows
// differ. Cell i c + j has the i-th first half and the j-th of c second ones.
// As `train`; InvalidArgument also where dim is 1, or cells or rows are fewer than 4.
Result<Training> train_multi_index(std::span<const float> rows, size_t dim,
                                   const TrainOptions& options);

// A row's cell says on which side of b hyperplanes through the mean it lies: bit j of cell i is 1
// for the side to which the normal of plane j points. The planes are drawn by the seed, their
// normals at right angles to one another and to the mean, so that the cells a query comes near to
// cross are those whose centroids it reaches furthest along. Cells: 2^b, the greatest power of two
// that is at most what was asked for, at most 2^(dim - 2); fewer where all rows lie on a plane.
// O(n b dim + cells dim): nothing is learnt but the mean and how far rows lie from each plane.
// `spread` is of some 4,096 rows. As `train`; InvalidArgument
// also where dim is less than 3, or cells or rows are fewer than 2.
Result<Training> draw_hyperplanes(std::span<const float> rows, size_t dim,
                                  const TrainOptions& options);

}  // namespace dreamdb
