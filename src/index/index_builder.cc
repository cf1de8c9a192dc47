#include "index/index_builder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dreamdb/interrupt.h"
#include "index/sample.h"
#include "runtime/thread_pool.h"
#include "search/kmeans.h"
#include "search/structured_cells.h"
#include "track/row_reader.h"

namespace dreamdb {

namespace {

constexpr uint64_t kFlatBelow = 50'000;  // rows: one cell, nothing to train
constexpr size_t kFlatSample = 16'384;
constexpr uint64_t kStructuredSample = 65'536;  // these have few values to learn
constexpr size_t kRecallQueries = 128;
constexpr size_t kRecallK = 10;
constexpr uint64_t kRecallRows = 4'000'000;  // compared with the queries, of more an even part
constexpr size_t kRowsAPiece = 2048;
constexpr size_t kCountedRows = 65'536;

std::vector<float> place_all(Metric metric, std::span<const float> rows, size_t dim) {
  const size_t padded = padded_dim(dim), count = rows.size() / dim;
  std::vector<float> out(count * padded);
  shared_pool().parallel_for((count + kRowsAPiece - 1) / kRowsAPiece, [&](size_t piece) {
    const size_t end = std::min(count, (piece + 1) * kRowsAPiece);
    for (size_t i = piece * kRowsAPiece; i < end; ++i)
      place_vector(metric, rows.subspan(i * dim, dim), std::span(out).subspan(i * padded, padded));
  });
  return out;
}

std::vector<float> mean_of(std::span<const float> rows, size_t dim) {
  std::vector<double> sums(dim);
  for (size_t i = 0; i < rows.size(); ++i) sums[i % dim] += rows[i];
  std::vector<float> out;
  const size_t count = std::max<size_t>(1, rows.size() / dim);
  for (const double sum : sums) out.push_back(static_cast<float>(sum / static_cast<double>(count)));
  return out;
}

// Columns [0, to) of rows [n, from]; zeros where there are fewer.
std::vector<float> with_width(std::span<const float> rows, size_t from, size_t to) {
  std::vector<float> out(rows.size() / from * to);
  for (size_t i = 0; i < rows.size() / from; ++i)
    std::copy_n(rows.begin() + static_cast<ptrdiff_t>(i * from), std::min(from, to),
                out.begin() + static_cast<ptrdiff_t>(i * to));
  return out;
}

bool is_structured(std::string_view algorithm) { return !algorithm.starts_with("dreamdb.ivf-"); }

// rows: [n, padded]; the centroids are too.
Result<Training> train_cells(std::string_view algorithm, std::span<const float> rows, size_t dim,
                             const TrainOptions& options) {
  const size_t padded = padded_dim(dim);
  const bool is_multi = algorithm.find(".imi-") != std::string_view::npos;
  if (!is_structured(algorithm)) return train(rows, padded, options);
  const std::vector<float> own = with_width(rows, padded, dim);
  auto out = is_multi ? train_multi_index(own, dim, options) : draw_hyperplanes(own, dim, options);
  if (!out) return out;
  out->centroids = with_width(out->centroids, dim, padded);
  out->dim = padded;
  return out;
}

double mean_square_distance(std::span<const float> rows, std::span<const float> to) {
  const size_t count = rows.size() / to.size();
  double sum = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double off = static_cast<double>(rows[i]) - to[i % to.size()];
    sum += off * off;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace

Result<IndexBuilder> IndexBuilder::start(Objects& objects, const Root& root, const Field& field,
                                         const IndexOptions& options, const Nonce& nonce) {
  DREAMDB_ASSIGN(const Metric metric, metric_of_algorithm(options.algorithm));
  if (options.bits < 1 || options.bits > kCodeBitsMax)
    return fail(Code::kInvalidArgument,
                "bits is " + std::to_string(options.bits) + "; a code has 1 to 8 bits a dimension");
  if (options.cells > kCellsMax || options.cells > root.rows)
    return fail(Code::kInvalidArgument, "cells is " + std::to_string(options.cells) +
                                            "; an index over the " + std::to_string(root.rows) +
                                            " rows of `" + field.name +
                                            "` has 1 to as many, and at most 2^24");
  return IndexBuilder(objects, root, field, options, nonce, metric);
}

Status IndexBuilder::report(const char* stage, uint64_t done, uint64_t of) const {
  DREAMDB_TRY(check_interrupt());
  if (!options_.progress || options_.progress({stage, done, of})) return {};
  return fail(Code::kCancelled, "the index was not built: its caller ended it");
}

Status IndexBuilder::make_index(std::vector<float> centroids, std::span<const float> placed) {
  const size_t dim = field_->shape[0], padded = padded_dim(dim);
  parts_.algorithm = options_.algorithm;
  parts_.dim = static_cast<uint32_t>(dim);
  parts_.bits = options_.bits;
  parts_.level_scale =
      options_.bits == 1 ? 0 : make_level_scale(padded, static_cast<int>(options_.bits));
  parts_.signs = make_signs(padded, options_.seed);
  parts_.origin = mean_of(placed, padded);
  const CodeFrame frame{metric_, parts_.origin, parts_.signs};
  Routes routes = make_routes(frame, centroids);
  std::vector<float> rows;
  for (size_t i = 0; i < centroids.size(); i += padded)
    rows.insert(rows.end(), centroids.begin() + static_cast<ptrdiff_t>(i),
                centroids.begin() + static_cast<ptrdiff_t>(i + dim));
  index_ =
      std::make_shared<const SpatialIndex>(Address{}, parts_, std::move(rows), std::move(routes));
  std::vector<uint32_t> cells(std::min(kCountedRows, placed.size() / padded));
  index_->assigner().assign(placed.data(), cells);
  std::vector<uint64_t> counts(index_->cells());
  for (const uint32_t cell : cells) ++counts[cell];
  spill_ = std::make_unique<CodeSpill>(*index_, root_->rows, counts);
  return {};
}

Status IndexBuilder::choose_queries(std::span<const float> sample) {
  const size_t dim = field_->shape[0], count = sample.size() / dim;
  const size_t step = std::max<size_t>(1, count / kRecallQueries);
  std::vector<float> chosen;
  for (size_t i = 0; i < count && chosen.size() < kRecallQueries * dim; i += step) {
    const auto row = sample.subspan(i * dim, dim);
    if (std::ranges::any_of(row, [](float value) { return value != 0; }))
      chosen.insert(chosen.end(), row.begin(), row.end());
  }
  if (chosen.empty()) return {};
  DREAMDB_ASSIGN(queries_, make_queries(chosen, chosen.size() / dim, dim, metric_));
  // One more: each of them is its own nearest.
  nearest_.assign(queries_->count(), TopK(kRecallK + 1));
  return {};
}

Status IndexBuilder::train() {
  const size_t dim = field_->shape[0], padded = padded_dim(dim);
  const bool is_flat = options_.cells == 0 && root_->rows < kFlatBelow;
  size_t cells = options_.cells != 0 ? options_.cells : is_flat ? 1 : default_cells(root_->rows);
  const uint64_t wanted =
      cells == 1 ? kFlatSample
                 : std::min<uint64_t>(
                       {cells * kRowsACentroid, kSampleBytes / (padded * 4),
                        is_structured(options_.algorithm) ? kStructuredSample : UINT64_MAX});
  DREAMDB_TRY(report("sample", 0, wanted));
  DREAMDB_ASSIGN(const auto sample, sample_rows(*objects_, *root_, *field_, wanted, options_.seed));
  const std::vector<float> placed = place_all(metric_, sample, dim);
  if (cells == 1) {
    std::vector<float> mean = mean_of(placed, padded);
    parts_.spread = mean_square_distance(placed, mean);
    return make_index(std::move(mean), placed);
  }
  TrainOptions options;
  options.cells = cells;
  options.metric = metric_;
  options.seed = options_.seed;
  options.run = [](size_t count, const std::function<void(size_t)>& fn) {
    shared_pool().parallel_for(count, fn);
  };
  Status told;
  options.progress = [&](const TrainProgress& p) {
    told = report("train", p.round * p.rows_all + p.rows, p.rounds_max * p.rows_all);
    return told.has_value();
  };
  auto trained = train_cells(options_.algorithm, placed, dim, options);
  if (!told) return told;
  if (!trained) return std::unexpected(std::move(trained).error());
  parts_.trained = trained->rows;
  parts_.spread = trained->spread;
  DREAMDB_TRY(choose_queries(sample));
  return make_index(std::move(trained->centroids), placed);
}

Status IndexBuilder::add(std::span<const uint64_t> anchors, std::span<const std::byte> values) {
  DREAMDB_TRY(report("encode", rows_, root_->rows));
  const size_t row_bytes = field_->row_bytes();
  const size_t pieces = (anchors.size() + kRowsAPiece - 1) / kRowsAPiece;
  const uint64_t one_in = root_->rows / kRecallRows + 1;
  std::vector<CodeTable> tables(pieces, CodeTable(*index_));
  std::vector<std::vector<TopK>> nearest(pieces);
  shared_pool().parallel_for(pieces, [&](size_t piece) {
    const size_t first = piece * kRowsAPiece;
    const size_t count = std::min(kRowsAPiece, anchors.size() - first);
    const auto own = anchors.subspan(first, count);
    const auto rows = values.subspan(first * row_bytes, count * row_bytes);
    tables[piece].add(own, rows, field_->dtype);
    if (!queries_ || (rows_ / kRowsAPiece + piece) % one_in != 0) return;
    nearest[piece].assign(queries_->count(), TopK(kRecallK + 1));
    scan_exact(*queries_, rows.data(), field_->dtype, own.data(), count, nullptr, nearest[piece]);
  });
  for (size_t piece = 0; piece < pieces; ++piece) {
    DREAMDB_TRY(spill_->add(tables[piece]));
    for (size_t q = 0; q < nearest[piece].size(); ++q) nearest_[q].merge(nearest[piece][q]);
  }
  rows_ += anchors.size();
  return {};
}

// Of the nearest rows of each query: after how many cells, the nearest first, each is met.
Result<std::vector<RecallPoint>> IndexBuilder::measure_recall() {
  std::vector<RecallPoint> out;
  if (!queries_) return out;
  std::vector<std::vector<uint64_t>> truth;
  std::vector<uint64_t> anchors;
  for (TopK& list : nearest_) {
    auto hits = list.take_sorted();
    if (metric_ != Metric::kInnerProduct && !hits.empty()) hits.erase(hits.begin());
    if (hits.size() > kRecallK) hits.resize(kRecallK);
    truth.emplace_back();
    for (const Hit& hit : hits) truth.back().push_back(hit.anchor);
    anchors.insert(anchors.end(), truth.back().begin(), truth.back().end());
  }
  std::ranges::sort(anchors);
  anchors.erase(std::ranges::unique(anchors).begin(), anchors.end());
  auto manifest = std::make_shared<Manifest>();
  manifest->tracks.push_back(*root_);
  const Field* const fields[] = {field_};
  DREAMDB_ASSIGN(const Batch rows,
                 RowReader(*objects_, manifest)
                     .read(Buffer::copy_of(std::as_bytes(std::span(anchors))), fields));
  CodeTable codes(*index_);
  codes.add(anchors, rows.columns[0].values.span(), field_->dtype);

  std::vector<uint64_t> met(index_->cells() + 1);  // after so many cells
  uint64_t total = 0;
  std::vector<float> placed(index_->frame().dim());
  for (size_t q = 0; q < truth.size(); ++q) {
    place_vector(metric_, {queries_->values() + q * queries_->dim(), queries_->dim()}, placed);
    const CodeQuery prepared(index_->frame(), placed);
    const auto order = index_->finder().nearest(placed, prepared, index_->cells());
    std::vector<uint32_t> rank(index_->cells());
    for (size_t i = 0; i < order.size(); ++i) rank[order[i].cell] = static_cast<uint32_t>(i + 1);
    for (const uint64_t anchor : truth[q]) {
      const auto row = std::ranges::lower_bound(anchors, anchor) - anchors.begin();
      ++met[rank[codes.cells()[static_cast<size_t>(row)]]];
      ++total;
    }
  }
  if (total == 0) return out;
  uint64_t sum = 0;
  uint32_t last = 0;
  for (size_t probes = 1; probes < met.size(); ++probes) {
    sum += met[probes];
    const auto permille = static_cast<uint32_t>(sum * 1000 / total);
    // About eight points for each factor of two.
    const bool is_due = probes < 8 || std::log2(static_cast<double>(probes)) -
                                              std::log2(static_cast<double>(out.back().probes)) >=
                                          0.25;
    if (!is_due && permille < 1000) continue;
    if (permille > last || out.empty()) out.push_back({static_cast<uint32_t>(probes), permille});
    last = permille;
    if (permille == 1000 || out.size() == 63) break;
  }
  return out;
}

Result<BuiltSegment> IndexBuilder::build_spatial() {
  const size_t dim = parts_.dim;
  std::vector<float> centroids, all;
  for (size_t i = 0; i < index_->cells(); ++i) {
    const auto row = index_->centroid(i);
    centroids.insert(centroids.end(), row.begin(), row.begin() + static_cast<ptrdiff_t>(dim));
    all.insert(all.end(), row.begin(), row.end());
  }
  const Routes routes = make_routes(index_->frame(), all);
  return build_spatial_segment(nonce_, field_->id, parts_,
                               {centroids, routes.bits, routes.add, routes.scale, routes.error});
}

Result<BuiltIndex> IndexBuilder::finish() {
  DREAMDB_TRY(report("measure", 0, 1));
  DREAMDB_ASSIGN(parts_.recall, measure_recall());
  DREAMDB_ASSIGN(const BuiltSegment spatial, build_spatial());
  BuiltIndex out;
  out.place.field = field_->id;
  out.place.spatial = spatial.entry.child;
  out.place.size = spatial.entry.size;
  out.place.footer = spatial.entry.footer;
  out.cells = index_->cells();
  out.trained = parts_.trained;
  out.rows = rows_;
  out.recall = parts_.recall;
  const PutRequest first[] = {{segment_key(spatial.entry.child), spatial.object}};
  DREAMDB_TRY(objects_->put(first));
  uint64_t written = 0;
  const auto write = [&](const CodeTable& codes) -> Status {
    DREAMDB_TRY(report("write", written, rows_));
    DREAMDB_ASSIGN(BuiltSegment built, codes.build(nonce_, field_->id, out.place.spatial));
    const PutRequest put[] = {{segment_key(built.entry.child), std::move(built.object)}};
    DREAMDB_TRY(objects_->put(put));
    out.codes.push_back(std::move(built.entry));
    written += codes.rows();
    return {};
  };
  DREAMDB_TRY(spill_->finish(write));
  return out;
}

}  // namespace dreamdb
