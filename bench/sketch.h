// A dataset of any number of records with a spatial index, in a folder, of which only what some
// queries read is there: real pages, centroids and footers; codes of the cells that the queries
// look into; vectors of the rows that these codes leave in doubt, and of those in their blocks. So
// searches ask of it what they would ask of the whole.
//
// Centroids are drawn as `ClipLike` draws, rows around them with the noise that its vectors have
// around a cluster; a cluster has several cells, and its rows are spread over them. Neighbours in a
// cell lie far apart in the order of anchors.
//
// Thread rule: one call at a time; the work is shared on the pool.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dreamdb/result.h"

namespace dreamdb::bench {

struct SketchOptions {
  uint64_t rows = 0;  // about; at least one a cell, below 2^32
  size_t cells = 0;
  size_t probes = 0;  // cells that a query looks into, as the index recommends
  size_t queries = 0;
};

struct Sketch {
  uint64_t rows = 0;
  std::vector<float> queries;      // [n, kDim]
  std::vector<uint64_t> in_doubt;  // of each query: rows that a search must compare exactly
};

// Makes the ref `main` in `folder`, which must not exist, with the field `embedding`.
// Disk: 350 kB for each cell that a query looks into, 150 kB a row in doubt, and the centroids;
// memory: three times the centroids. O(rows) / 1,000.
Result<Sketch> make_sketch(const std::string& folder, const SketchOptions& options);

}  // namespace dreamdb::bench
