// A random sample of an embedding's rows, for training.
//
// Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "object/objects.h"

namespace dreamdb {

// About `wanted` rows as f32, [n, dim], all if there are fewer; whole blocks are drawn, evenly over
// the track's segments. A row that a newer segment overrides may be among them. Holds the list of
// the track's leaf entries and the sample. Reads wanted x (row + what its block has besides).
Result<std::vector<float>> sample_rows(Objects& objects, const Root& root, const Field& field,
                                       uint64_t wanted, uint64_t seed);

}  // namespace dreamdb
