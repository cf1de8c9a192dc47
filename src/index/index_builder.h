// A spatial index of an embedding, made of the rows of one version: trained on a sample, every row
// assigned and encoded, the recall measured by how many cells are read.
//
// Thread rule: one thread at a time; the work is shared on the pool.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"
#include "index/code_spill.h"
#include "search/exact.h"

namespace dreamdb {

struct BuiltIndex {
  FieldIndex place;          // its trees are empty
  std::vector<Entry> codes;  // leaf entries of its code segments
  uint64_t cells = 0, trained = 0, rows = 0;
  std::vector<RecallPoint> recall;
};

class IndexBuilder {
 public:
  // root: of the field's track. Both live until the end.
  // InvalidArgument: an option that cannot be.
  static Result<IndexBuilder> start(Objects& objects, const Root& root, const Field& field,
                                    const IndexOptions& options, const Nonce& nonce);

  // Draws the sample and trains. Reads 64 rows a cell, at most kSampleBytes of them.
  Status train();
  // Rows in the order of anchors: values [anchors.size(), dim] of the field.
  // O(rows cells dim / 2) at most, as a product of matrices.
  Status add(std::span<const uint64_t> anchors, std::span<const std::byte> values);
  // Puts the index and its code segments.
  Result<BuiltIndex> finish();

 private:
  static constexpr uint64_t kSampleBytes = 1ull << 30;

  IndexBuilder(Objects& objects, const Root& root, const Field& field, const IndexOptions& options,
               const Nonce& nonce, Metric metric)
      : objects_(&objects),
        root_(&root),
        field_(&field),
        options_(options),
        nonce_(nonce),
        metric_(metric) {}

  Status report(const char* stage, uint64_t done, uint64_t of) const;
  Status make_index(std::vector<float> centroids, std::span<const float> placed);
  Status choose_queries(std::span<const float> sample);
  Result<std::vector<RecallPoint>> measure_recall();
  Result<BuiltSegment> build_spatial();

  Objects* objects_;
  const Root* root_;
  const Field* field_;
  IndexOptions options_;
  Nonce nonce_;
  Metric metric_;
  SpatialParts parts_;
  SpatialIndexPtr index_;  // under no address yet
  std::unique_ptr<CodeSpill> spill_;
  // Rows of the sample whose nearest are found exactly while rows come.
  std::optional<QuerySet> queries_;
  std::vector<TopK> nearest_;
  uint64_t rows_ = 0;
};

}  // namespace dreamdb
