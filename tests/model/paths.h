// Every way to read a version but its stream: counts, filters, distinct values, records by anchor,
// search. A record that is there must be on each of them, one that is gone on none.
//
// Thread rule: pure but for the reads.
#pragma once

#include <string>

#include "tests/model/model.h"

namespace dreamdb::model {

// What is wrong with the first way that does not agree with the state; empty: all do. Errors are
// those of the reads.
Result<std::string> compare_paths(const Dataset& dataset, const State& state);

}  // namespace dreamdb::model
