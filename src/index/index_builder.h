// A spatial index of an embedding, made of the rows of one version: trained on a sample, the recall
// measured by how many cells are read, and every row assigned and encoded, or none yet.
//
// Thread rule: one thread at a time; the work is shared on the pool.
#pragma once

#include <optional>
#include <vector>

#include "index/row_encoder.h"

namespace dreamdb {

struct BuiltIndex {
  FieldIndex place;          // its trees are empty
  std::vector<Entry> codes;  // leaf entries of its code segments
};

class IndexBuilder {
 public:
  // root: of the field's track. options: checked by `check_options`. All live until the end.
  IndexBuilder(Objects& objects, const Root& root, const Field& field, const IndexOptions& options,
               const Nonce& nonce, Report report)
      : objects_(objects),
        root_(root),
        field_(field),
        options_(options),
        nonce_(nonce),
        report_(std::move(report)) {}

  // Costs what `train_index` does.
  Status train();
  // Rows in the order of anchors: values [anchors.size(), dim] of the field.
  Status add(std::span<const uint64_t> anchors, std::span<const std::byte> values);
  // Puts the index and the code segments of the rows that were added.
  Result<BuiltIndex> finish();
  // Puts the index alone; no row has been added. Reads rows for the measure of recall: all, or
  // about kRecallRows of more.
  Result<BuiltIndex> finish_without_codes();

 private:
  Result<BuiltIndex> put_index();

  Objects& objects_;
  const Root& root_;
  const Field& field_;
  const IndexOptions& options_;
  const Nonce nonce_;
  const Report report_;
  TrainedIndex trained_;
  std::optional<RowEncoder> encoder_;
  uint64_t pieces_ = 0;
};

}  // namespace dreamdb
