// A spatial index made ready for use: what queries and encoders of an embedding share.
//
// Thread rule: immutable; shared by all threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "object/objects.h"
#include "search/assign.h"
#include "search/cell_finder.h"
#include "search/vector_code.h"

namespace dreamdb {

// By its ending: "dreamdb.ivf-l2" has Metric::kL2. InvalidArgument lists the algorithms there are.
Result<Metric> metric_of_algorithm(std::string_view algorithm);

class SpatialIndex {
 public:
  // parts: checked as those of a segment are; centroids: [k, dim].
  SpatialIndex(const Address& address, const SpatialParts& parts, std::span<const float> centroids,
               Routes routes);
  SpatialIndex(const SpatialIndex&) = delete;
  SpatialIndex& operator=(const SpatialIndex&) = delete;

  const Address& address() const { return address_; }
  const SpatialParts& parts() const { return parts_; }  // its runs are empty
  const CodeFrame& frame() const { return frame_; }
  Metric metric() const { return frame_.metric; }
  size_t cells() const { return finder_->count(); }
  std::span<const float> centroid(size_t cell) const {
    return std::span(centroids_).subspan(cell * frame_.dim(), frame_.dim());
  }
  const Assigner& assigner() const { return *assigner_; }
  const CellFinder& finder() const { return *finder_; }

  // How many cells must be read so that `recall` (0 to 1) was measured; all if nothing was.
  size_t probes_for(double recall) const;
  // What was measured with so many, or with the next fewer; 0 if nothing was, 1 for all cells.
  double recall_of(size_t probes) const;

 private:
  Address address_;
  SpatialParts parts_;
  CodeFrame frame_;
  std::vector<float> centroids_;  // [k, D]
  std::unique_ptr<const Assigner> assigner_;
  std::unique_ptr<const CellFinder> finder_;
};
using SpatialIndexPtr = std::shared_ptr<const SpatialIndex>;

// Reads an index, and the root pages of its tracks and of others that will be asked for next, of
// which nullptr is none: 1 wave. Corruption: it is missing, damaged, or of another field than
// `field`.
Result<SpatialIndexPtr> load_spatial_index(Objects& objects, const FieldIndex& place,
                                           const Field& field,
                                           std::initializer_list<const Root*> others);

}  // namespace dreamdb
