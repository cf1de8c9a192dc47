#include "index/spatial_index.h"

#include <algorithm>
#include <cstring>

namespace dreamdb {

namespace {

// All blocks of a run, in their order; decode(block, stored) -> Result<Buffer>.
template <typename Decode>
Result<std::vector<Buffer>> decode_run(const Run& run, const Buffer& bytes, const Decode& decode) {
  std::vector<Buffer> out;
  for (size_t block = 0; block < run.blocks(); ++block) {
    const Buffer stored = bytes.slice(run.starts[block] - run.at, run.sizes[block]);
    DREAMDB_ASSIGN(Buffer raw, decode(block, stored));
    out.push_back(std::move(raw));
  }
  return out;
}

// bytes: of the run. [k, dim].
Result<std::vector<float>> read_centroids(const Segment& segment, const Buffer& bytes) {
  DREAMDB_ASSIGN(const auto blocks, decode_run(segment.spatial->centroids, bytes,
                                               [&](size_t block, const Buffer& stored) {
                                                 return decode_centroids(segment, block, stored);
                                               }));
  std::vector<float> out;
  out.reserve(bytes.size() / sizeof(float));
  for (const Buffer& raw : blocks) {
    const auto* values = reinterpret_cast<const float*>(raw.data());
    out.insert(out.end(), values, values + raw.size() / sizeof(float));
  }
  return out;
}

Result<Routes> read_routes(const Segment& segment, const Buffer& bytes) {
  DREAMDB_ASSIGN(const auto blocks, decode_run(segment.spatial->routes, bytes,
                                               [&](size_t block, const Buffer& stored) {
                                                 return decode_routes(segment, block, stored);
                                               }));
  Routes out;
  for (size_t block = 0; block < blocks.size(); ++block) {
    const RouteBlock view = view_routes(segment, block, blocks[block]);
    out.bits.insert(out.bits.end(), view.bits.begin(), view.bits.end());
    out.add.insert(out.add.end(), view.add.begin(), view.add.end());
    out.scale.insert(out.scale.end(), view.scale.begin(), view.scale.end());
    out.error.insert(out.error.end(), view.error.begin(), view.error.end());
  }
  return out;
}

// What the routes of an index and the gap behind them take, or a little more: they stand at its end
// (spec 12.6), and what it is made of says how many there are.
uint64_t routes_bytes_max(const FieldIndex& place, uint64_t dim) {
  const uint64_t route_bytes = padded_dim(dim) / 8 + 3 * sizeof(float);
  const uint64_t cells = place.size / (dim * sizeof(float) + route_bytes) + 1;
  return cells * route_bytes + 64;
}

}  // namespace

Result<Metric> metric_of_algorithm(std::string_view algorithm) {
  if (std::ranges::count(spatial_algorithms(), algorithm) > 0)
    return parse_metric(algorithm.substr(algorithm.rfind('-') + 1));
  return fail(Code::kInvalidArgument, "no index `" + std::string(algorithm) + "` is known; use " +
                                          spatial_algorithm_names());
}

SpatialIndex::SpatialIndex(const Address& address, const SpatialParts& parts,
                           std::vector<float> centroids, Routes routes)
    : address_(address), parts_(parts), centroids_(std::move(centroids)) {
  const size_t dim = parts.dim, padded = padded_dim(dim), cells = centroids_.size() / dim;
  if (dim < padded) {
    centroids_.resize(cells * padded);
    for (size_t i = cells; i-- > 0;) {
      float* const row = centroids_.data() + i * padded;
      std::memmove(row, centroids_.data() + i * dim, dim * sizeof(float));
      std::fill(row + dim, row + padded, 0.0f);
    }
  }
  make_finder(std::move(routes));
}

SpatialIndex::SpatialIndex(SegmentPtr segment, Routes routes)
    : address_(segment->segment.address),
      parts_(*segment->segment.spatial),
      segment_(std::move(segment)) {
  make_finder(std::move(routes));
}

void SpatialIndex::make_finder(Routes routes) {
  parts_.centroids = parts_.routes = {};
  frame_.metric = metric_of_algorithm(parts_.algorithm).value();
  frame_.origin = parts_.origin;
  frame_.signs = parts_.signs;
  finder_ = std::make_unique<CellFinder>(frame_, centroids_, std::move(routes));
}

SpatialIndex::~SpatialIndex() { delete assigner_.load(); }

const Assigner& SpatialIndex::assigner() const {
  const Assigner* kept = assigner_.load();
  if (kept != nullptr) return *kept;
  auto made = std::make_unique<const Assigner>(centroids_, frame_.dim());
  return assigner_.compare_exchange_strong(kept, made.get()) ? *made.release() : *kept;
}

size_t SpatialIndex::probes_for(double recall) const {
  for (const RecallPoint& point : parts_.recall)
    if (point.permille >= recall * 1000) return point.probes;
  return cells();
}

double SpatialIndex::recall_of(size_t probes) const {
  if (probes >= cells()) return 1;
  double recall = 0;
  for (const RecallPoint& point : parts_.recall)
    if (point.probes <= probes) recall = point.permille / 1000.0;
  return recall;
}

Result<SpatialIndexPtr> load_spatial_index(Objects& objects, const FieldIndex& place,
                                           const Field& field,
                                           std::initializer_list<const Root*> others,
                                           IndexUse use) {
  Entry entry;
  entry.child = place.spatial;
  entry.size = place.size;
  entry.footer = place.footer;
  std::vector<PageRef> ahead;
  for (const std::optional<Root>& root : {place.codes, place.covered})
    if (root) ahead.push_back({root->page, root->page_size});
  for (const Root* root : others)
    if (root != nullptr) ahead.push_back({root->page, root->page_size});
  const bool is_whole = use == IndexUse::kEncode || place.size <= objects.caches().matrix_bytes();
  DREAMDB_ASSIGN(const SegmentPtr loaded,
                 is_whole ? objects.whole_segment(entry, SegmentUse::kSpatial, ahead)
                          : objects.segment_tail(entry, SegmentUse::kSpatial,
                                                 routes_bytes_max(place, field.shape[0]), ahead));
  const Segment& segment = loaded->segment;
  const SpatialParts& parts = *segment.spatial;
  if (segment.field != place.field || parts.dim != field.shape[0])
    return fail(Code::kCorruption,
                segment_key(segment.address) + ": an index of " + std::to_string(parts.dim) +
                    " dimensions, where a version names it for field `" + field.name + "` of " +
                    std::to_string(field.shape[0]) + "; restore the object from a copy");
  const Extent run{loaded, &parts.routes, 0, parts.routes.blocks()};
  DREAMDB_ASSIGN(const auto stored, objects.extents({&run, 1}));
  DREAMDB_ASSIGN(Routes routes, read_routes(segment, stored[0]));
  if (!is_whole) {
    auto footer = std::make_shared<const LoadedSegment>(LoadedSegment{segment, {}, {}, {}});
    return std::make_shared<const SpatialIndex>(std::move(footer), std::move(routes));
  }
  const Run& centroids = parts.centroids;
  DREAMDB_ASSIGN(
      auto rows,
      read_centroids(segment, loaded->whole.slice(centroids.at, centroids.end() - centroids.at)));
  return std::make_shared<const SpatialIndex>(segment.address, parts, std::move(rows),
                                              std::move(routes));
}

}  // namespace dreamdb
