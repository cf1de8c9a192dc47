// A spatial index made ready for use: what queries and encoders of an embedding share.
//
// Thread rule: immutable; shared by all threads.
#pragma once

#include <atomic>
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

// What an index is read for.
enum class IndexUse : uint8_t {
  kSearch,
  kEncode,  // needs all centroids
};

class SpatialIndex {
 public:
  // parts: checked as those of a segment are; centroids: [k, dim].
  SpatialIndex(const Address& address, const SpatialParts& parts, std::vector<float> centroids,
               Routes routes);
  // Without centroids: searches read those they need (`choose_cells`) by the segment's footer.
  SpatialIndex(SegmentPtr segment, Routes routes);
  SpatialIndex(const SpatialIndex&) = delete;
  SpatialIndex& operator=(const SpatialIndex&) = delete;
  ~SpatialIndex();

  const Address& address() const { return address_; }
  const SpatialParts& parts() const { return parts_; }  // its runs are empty
  const CodeFrame& frame() const { return frame_; }
  Metric metric() const { return frame_.metric; }
  size_t cells() const { return finder_->count(); }
  bool has_centroids() const { return !centroids_.empty(); }
  // Where centroids are read from, by who has none; nullptr: they are all here.
  const SegmentPtr& segment() const { return segment_; }
  // These, `assigner` and the finder's `nearest` are of who has them.
  std::span<const float> centroid(size_t cell) const {
    return std::span(centroids_).subspan(cell * frame_.dim(), frame_.dim());
  }
  // Made when it is asked for first: O(k D), and memory for half of the centroids or as much again.
  // Threads that ask at once each make one, and one is kept.
  const Assigner& assigner() const;
  const CellFinder& finder() const { return *finder_; }

  // How many cells must be read so that `recall` (0 to 1) was measured; all if nothing was.
  size_t probes_for(double recall) const;
  // What was measured with so many, or with the next fewer; 0 if nothing was, 1 for all cells.
  double recall_of(size_t probes) const;

 private:
  void make_finder(Routes routes);

  Address address_;
  SpatialParts parts_;
  CodeFrame frame_;
  std::vector<float> centroids_;  // [k, D]
  SegmentPtr segment_;
  std::unique_ptr<const CellFinder> finder_;
  mutable std::atomic<const Assigner*> assigner_ = nullptr;  // ours
};
using SpatialIndexPtr = std::shared_ptr<const SpatialIndex>;

// Reads an index, and the root pages of its tracks and of others that will be asked for next, of
// which nullptr is none: 1 wave. Of one that is larger than what `objects` keeps of matrices, a
// search gets no centroids: a 27th of it is read. Corruption: it is missing, damaged, or of another
// field than `field`.
Result<SpatialIndexPtr> load_spatial_index(Objects& objects, const FieldIndex& place,
                                           const Field& field,
                                           std::initializer_list<const Root*> others, IndexUse use);

}  // namespace dreamdb
