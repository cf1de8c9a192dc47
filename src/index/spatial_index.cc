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

Result<std::vector<float>> read_centroids(const Segment& segment, const Buffer& bytes) {
  DREAMDB_ASSIGN(const auto blocks, decode_run(segment.spatial->centroids, bytes,
                                               [&](size_t block, const Buffer& stored) {
                                                 return decode_centroids(segment, block, stored);
                                               }));
  std::vector<float> out;
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

}  // namespace

Result<Metric> metric_of_algorithm(std::string_view algorithm) {
  if (std::ranges::count(spatial_algorithms(), algorithm) > 0)
    return parse_metric(algorithm.substr(algorithm.rfind('-') + 1));
  return fail(Code::kInvalidArgument, "no index `" + std::string(algorithm) + "` is known; use " +
                                          spatial_algorithm_names());
}

SpatialIndex::SpatialIndex(const Address& address, const SpatialParts& parts,
                           std::span<const float> centroids, Routes routes)
    : address_(address), parts_(parts) {
  parts_.centroids = parts_.routes = {};
  frame_.metric = metric_of_algorithm(parts_.algorithm).value();
  frame_.origin = parts_.origin;
  frame_.signs = parts_.signs;
  const size_t cells = centroids.size() / parts_.dim;
  centroids_.resize(cells * frame_.dim());
  for (size_t i = 0; i < cells; ++i)
    std::ranges::copy(centroids.subspan(i * parts_.dim, parts_.dim),
                      centroids_.begin() + static_cast<ptrdiff_t>(i * frame_.dim()));
  assigner_ = std::make_unique<Assigner>(centroids_, frame_.dim());
  finder_ = std::make_unique<CellFinder>(frame_, centroids_, std::move(routes));
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
                                           std::initializer_list<const Root*> others) {
  Entry entry;
  entry.child = place.spatial;
  entry.size = place.size;
  entry.footer = place.footer;
  std::vector<PageRef> ahead;
  for (const std::optional<Root>& root : {place.codes, place.covered})
    if (root) ahead.push_back({root->page, root->page_size});
  for (const Root* root : others)
    if (root != nullptr) ahead.push_back({root->page, root->page_size});
  DREAMDB_ASSIGN(const SegmentPtr loaded,
                 objects.whole_segment(entry, SegmentUse::kSpatial, ahead));
  const Segment& segment = loaded->segment;
  const SpatialParts& parts = *segment.spatial;
  if (segment.field != place.field || parts.dim != field.shape[0])
    return fail(Code::kCorruption,
                segment_key(segment.address) + ": an index of " + std::to_string(parts.dim) +
                    " dimensions, where a version names it for field `" + field.name + "` of " +
                    std::to_string(field.shape[0]) + "; restore the object from a copy");
  const auto bytes_of = [&](const Run& run) {
    return loaded->whole.slice(run.at, run.end() - run.at);
  };
  DREAMDB_ASSIGN(const auto centroids, read_centroids(segment, bytes_of(parts.centroids)));
  DREAMDB_ASSIGN(Routes routes, read_routes(segment, bytes_of(parts.routes)));
  return std::make_shared<const SpatialIndex>(segment.address, parts, centroids, std::move(routes));
}

}  // namespace dreamdb
