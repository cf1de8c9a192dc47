// Spatial indexes (spec 12.6): built, decoded block by block, checked whole.
#include <algorithm>
#include <cmath>

#include "format/limits.h"
#include "format/segment_code_blocks.h"

namespace dreamdb {
namespace {

constexpr std::string_view kAlgorithms[] = {"dreamdb.ivf-cosine", "dreamdb.ivf-ip",
                                            "dreamdb.ivf-l2", "dreamdb.imi-cosine",
                                            "dreamdb.lsh-cosine"};
constexpr uint32_t kPermilleMax = 1000;

Status check_recall(const std::vector<RecallPoint>& recall, uint64_t cells) {
  RecallPoint last;
  for (const RecallPoint& point : recall) {
    if (point.probes <= last.probes || point.probes > cells || point.permille < last.permille ||
        point.permille > kPermilleMax)
      return footer_bad("`recall` says " + std::to_string(point.permille) + " permille for " +
                        std::to_string(point.probes) + " of " + std::to_string(cells) +
                        " cells behind " + std::to_string(last.permille) + " for " +
                        std::to_string(last.probes) + "; expected both to ascend");
    last = point;
  }
  return {};
}

RunDraft centroid_run(std::span<const float> centroids, uint64_t dim) {
  const uint64_t row_bytes = dim * sizeof(float);
  return raw_run(std::as_bytes(centroids), centroids.size() / dim, matrix_rows_per_block(row_bytes),
                 row_bytes);
}

RunDraft route_run(const SpatialRows& rows, uint64_t padded) {
  const size_t words = padded / kWordBits;
  return block_run(rows.add.size(), route_row_bytes(padded),
                   [&](BlockDraft& block, size_t first, size_t count) {
                     block.add(rows.bits.subspan(first * words, count * words));
                     for (const auto factor : {rows.add, rows.scale, rows.error})
                       block.add(factor.subspan(first, count));
                   });
}

}  // namespace

std::span<const std::string_view> spatial_algorithms() { return kAlgorithms; }

std::string spatial_algorithm_names() {
  std::string out;
  for (const std::string_view name : kAlgorithms)
    out.append(out.empty() ? "" : name == *std::rbegin(kAlgorithms) ? " or " : ", ").append(name);
  return out;
}

Status check_spatial(const SpatialParts& spatial) {
  if (std::ranges::find(kAlgorithms, spatial.algorithm) == std::end(kAlgorithms))
    return footer_bad("the algorithm `" + spatial.algorithm.substr(0, 64) + "`, expected " +
                      spatial_algorithm_names());
  DREAMDB_TRY(check_code_shape(spatial.dim, spatial.bits));
  const uint64_t padded = code_dim(spatial.dim);
  if (spatial.signs.size() != 4 * padded / kWordBits || spatial.origin.size() != padded)
    return footer_bad(std::to_string(spatial.signs.size()) + " words of signs and an origin of " +
                      std::to_string(spatial.origin.size()) + " values, expected " +
                      std::to_string(4 * padded / kWordBits) + " and " + std::to_string(padded));
  const bool scaled = spatial.bits == 1 ? std::bit_cast<uint64_t>(spatial.level_scale) == 0
                                        : spatial.level_scale > 0;
  if (!scaled || !std::isfinite(spatial.level_scale) || !are_finite(spatial.origin) ||
      !std::isfinite(spatial.spread) || spatial.spread < 0)
    return footer_bad("a `level_scale`, `spread` or `origin` that S12.4 does not allow");
  const uint64_t cells = spatial.centroids.items;
  if (cells == 0) return footer_bad("no cells, expected 1 to 2^24");
  DREAMDB_TRY(check_run_use(spatial.centroids, "centroids", RunUse::kMatrix, cells,
                            spatial.dim * sizeof(float)));
  DREAMDB_TRY(
      check_run_use(spatial.routes, "routes", RunUse::kCodes, cells, route_row_bytes(spatial.dim)));
  return check_recall(spatial.recall, cells);
}

Result<Buffer> decode_centroids(const Segment& segment, size_t block, const Buffer& stored) {
  DREAMDB_ASSIGN(Buffer raw,
                 sized_block(segment, segment.spatial->centroids, "centroids", block, stored));
  if (are_finite({reinterpret_cast<const float*>(raw.data()), raw.size() / sizeof(float)}))
    return raw;
  return block_bad(segment, "centroids", block, "a value that is not finite (S12.4)");
}

Result<Buffer> decode_routes(const Segment& segment, size_t block, const Buffer& stored) {
  DREAMDB_ASSIGN(Buffer raw,
                 sized_block(segment, segment.spatial->routes, "routes", block, stored));
  const RouteBlock view = view_routes(segment, block, raw);
  if (are_factors(view.scale, view.error, view.add)) return raw;
  return block_bad(segment, "routes", block, "a factor that is negative or not finite (S12.4)");
}

RouteBlock view_routes(const Segment& segment, size_t block, const Buffer& raw) {
  const SpatialParts& spatial = *segment.spatial;
  const size_t rows = spatial.routes.block_items(block);
  size_t at = 0;
  RouteBlock view;
  view.bits = part_of<uint64_t>(raw, at, rows * (code_dim(spatial.dim) / kWordBits));
  view.add = part_of<float>(raw, at, rows);
  view.scale = part_of<float>(raw, at, rows);
  view.error = part_of<float>(raw, at, rows);
  DREAMDB_ASSERT(at == raw.size());
  return view;
}

Status check_whole_spatial(std::span<const std::byte> object, const Segment& segment) {
  const SpatialParts& spatial = *segment.spatial;
  for (size_t i = 0; i < spatial.centroids.blocks(); ++i)
    DREAMDB_TRY(decode_centroids(segment, i, borrow_block(object, spatial.centroids, i)));
  for (size_t i = 0; i < spatial.routes.blocks(); ++i)
    DREAMDB_TRY(decode_routes(segment, i, borrow_block(object, spatial.routes, i)));
  return {};
}

Result<BuiltSegment> build_spatial_segment(const Nonce& nonce, FieldId field, SpatialParts parts,
                                           const SpatialRows& rows) {
  const uint64_t padded = code_dim(parts.dim);
  const size_t cells = rows.add.size();
  if (parts.dim == 0 || rows.centroids.size() != cells * parts.dim ||
      rows.bits.size() != cells * (padded / kWordBits) || rows.scale.size() != cells ||
      rows.error.size() != cells || cells == 0 || cells > kSegmentRowsMax)
    return bad_input("an index of " + std::to_string(cells) +
                     " cells (1 to 2^24) with columns of other lengths");
  if (!are_finite(rows.centroids) || !are_factors(rows.scale, rows.error, rows.add))
    return bad_input("a centroid or a factor of its code that is not finite");
  auto draft = SegmentDraft::start_spatial(nonce, field, std::move(parts));
  SpatialParts& made = *draft.segment().spatial;
  made.centroids = draft.add(centroid_run(rows.centroids, made.dim));
  made.routes = draft.add(route_run(rows, padded));
  if (const Status fits = check_spatial(made); !fits) return bad_input(fits.error().message);
  return std::move(draft).assemble();
}

}  // namespace dreamdb
