// A random sample of an embedding's rows, for training.
//
// Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "index/row_feed.h"

namespace dreamdb {

// The part of all rows that gives about `wanted` of them; 1 if there are fewer.
double part_of(const Root& root, uint64_t wanted);

// About `wanted` rows as f32, [n, dim], all if there are fewer; whole blocks are drawn, evenly over
// the track's segments, `entries`. A row that a newer segment overrides may be among them. Holds
// the sample. Reads wanted x (row + what its block has besides).
Result<std::vector<float>> sample_rows(Objects& objects, const Root& root, const Field& field,
                                       std::span<const EntryPtr> entries, uint64_t wanted,
                                       uint64_t seed);
// The same rows in pieces, [n, dim], and nothing is held.
Status pass_sample(Objects& objects, const Root& root, const Field& field,
                   std::span<const EntryPtr> entries, uint64_t wanted, uint64_t seed,
                   const std::function<Status(std::span<const float>)>& use);

}  // namespace dreamdb
