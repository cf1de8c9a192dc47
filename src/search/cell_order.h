// An order of points in which those near in number are near in space: how cells are numbered, so
// that a query's cells lie together in an object (spec 12.6).
//
// Thread rule: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dreamdb {

// points: [n, dim]. Positions of all points: halves of halves, each cut across the line between two
// points that lie far apart. O(n dim log n).
std::vector<uint32_t> order_in_space(std::span<const float> points, size_t dim);

}  // namespace dreamdb
