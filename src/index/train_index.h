// The cells, origin and rotation of a spatial index, made of a sample of a field's rows.
//
// Thread rule: one call at a time; the work is shared on the pool.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "dreamdb/dataset.h"
#include "index/recall_meter.h"
#include "index/spatial_index.h"

namespace dreamdb {

// How far a job has come: stage, done, of. An error ends the job.
using Report = std::function<Status(std::string_view, uint64_t, uint64_t)>;

struct TrainedIndex {
  SpatialParts parts;
  SpatialIndexPtr index;            // under no address yet
  std::vector<uint64_t> cell_rows;  // of each cell in a part of the sample
  RecallMeter recall;               // has been shown nothing yet
};

// InvalidArgument: an option that cannot be, for a field of these rows. Ok: its algorithm is known.
Status check_options(const IndexOptions& options, const Root& root, const Field& field);

// Draws the sample and trains; options: checked. Reads 64 rows a cell, at most 1 GiB of them, which
// it holds; with more than kOneLevelCellsMax cells all 64, several times, of which it holds as many
// (`train_in_two_levels`).
Result<TrainedIndex> train_index(Objects& objects, const Root& root, const Field& field,
                                 const IndexOptions& options, const Report& report);

// The object of an index: its parameters, with the recall that was measured.
Result<BuiltSegment> build_spatial(const TrainedIndex& trained, std::vector<RecallPoint> recall,
                                   const Nonce& nonce, FieldId field);

}  // namespace dreamdb
