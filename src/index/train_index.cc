#include "index/train_index.h"

#include <algorithm>

#include "index/sample.h"
#include "runtime/thread_pool.h"
#include "search/kmeans.h"
#include "search/structured_cells.h"
#include "search/two_level_kmeans.h"

namespace dreamdb {

namespace {

constexpr uint64_t kSampleBytes = 1ull << 30;
constexpr uint64_t kFlatBelow = 50'000;  // rows: one cell, nothing to train
constexpr size_t kFlatSample = 16'384;
constexpr uint64_t kStructuredSample = 65'536;  // these have few values to learn
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

class IndexTrainer {
 public:
  IndexTrainer(Objects& objects, const Root& root, const Field& field, const IndexOptions& options,
               const Report& report)
      : objects_(objects),
        root_(root),
        field_(field),
        options_(options),
        report_(report),
        metric_(*metric_of_algorithm(options.algorithm)),
        dim_(field.shape[0]),
        padded_(padded_dim(dim_)) {}

  Result<TrainedIndex> run() {
    const bool is_flat = options_.cells == 0 && root_.rows < kFlatBelow;
    const size_t cells = options_.cells != 0 ? options_.cells
                         : is_flat           ? 1
                                             : default_cells(root_.rows);
    const uint64_t wanted = sample_size(cells);
    DREAMDB_TRY(report_("sample", 0, wanted));
    DREAMDB_ASSIGN(entries_, list_entries(objects_, TreeCursor(root_, 0, UINT64_MAX)));
    DREAMDB_ASSIGN(const auto sample,
                   sample_rows(objects_, root_, field_, entries_, wanted, seed()));
    const std::vector<float> placed = place_all(metric_, sample, dim_);
    if (cells == 1) {
      std::vector<float> mean = mean_of(placed, padded_);
      out_.parts.spread = mean_square_distance(placed, mean);
      make_index(std::move(mean), placed);
      return std::move(out_);
    }
    DREAMDB_ASSIGN(Training trained, train(cells, placed));
    out_.parts.trained = trained.rows;
    out_.parts.spread = trained.spread;
    DREAMDB_ASSIGN(out_.recall, RecallMeter::from_sample(sample, dim_, metric_));
    make_index(std::move(trained.centroids), placed);
    return std::move(out_);
  }

 private:
  uint64_t seed() const { return options_.seed.value_or(0); }

  bool has_two_levels(size_t cells) const {
    return cells > kOneLevelCellsMax && !is_structured(options_.algorithm);
  }

  uint64_t held_rows_max() const { return kSampleBytes / (padded_ * sizeof(float)); }

  // Rows that are held: of two levels those for the coarse cells.
  uint64_t sample_size(size_t cells) const {
    if (cells == 1) return kFlatSample;
    if (is_structured(options_.algorithm))
      return std::min({cells * kRowsACentroid, held_rows_max(), kStructuredSample});
    return std::min<uint64_t>(
        has_two_levels(cells) ? coarse_cells(cells) * kRowsACoarseCell : cells * kRowsACentroid,
        held_rows_max());
  }

  Result<Training> train(size_t cells, std::span<const float> placed) {
    TrainOptions options;
    options.cells = cells;
    options.metric = metric_;
    options.seed = seed();
    options.run = [](size_t count, const std::function<void(size_t)>& fn) {
      shared_pool().parallel_for(count, fn);
    };
    Status told;
    options.progress = [&](const TrainProgress& p) {
      told = report_("train", p.round * p.rows_all + p.rows, p.rounds_max * p.rows_all);
      return told.has_value();
    };
    auto trained = has_two_levels(cells) ? train_in_two_levels(placed, sample_pass(cells), padded_,
                                                               held_rows_max(), options)
                                         : train_cells(options_.algorithm, placed, dim_, options);
    if (!told) return std::unexpected(std::move(told).error());
    return trained;
  }

  SamplePass sample_pass(size_t cells) const {
    return [this, cells](const std::function<Status(std::span<const float>)>& use) {
      return pass_sample(
          objects_, root_, field_, entries_, cells * kRowsACentroid, seed(),
          [&](std::span<const float> rows) { return use(place_all(metric_, rows, dim_)); });
    };
  }

  void make_index(std::vector<float> centroids, std::span<const float> placed) {
    SpatialParts& parts = out_.parts;
    parts.algorithm = options_.algorithm;
    parts.dim = static_cast<uint32_t>(dim_);
    parts.bits = options_.bits.value_or(1);
    parts.level_scale =
        parts.bits == 1 ? 0 : make_level_scale(padded_, static_cast<int>(parts.bits));
    parts.signs = make_signs(padded_, seed());
    parts.origin = mean_of(placed, padded_);
    const CodeFrame frame{metric_, parts.origin, parts.signs};
    Routes routes = make_routes(frame, centroids);
    out_.index = std::make_shared<const SpatialIndex>(
        Address{}, parts, with_width(centroids, padded_, dim_), std::move(routes));
    std::vector<uint32_t> cells(std::min(kCountedRows, placed.size() / padded_));
    out_.index->assigner().assign(placed.data(), cells);
    out_.cell_rows.resize(out_.index->cells());
    for (const uint32_t cell : cells) ++out_.cell_rows[cell];
  }

  Objects& objects_;
  const Root& root_;
  const Field& field_;
  const IndexOptions& options_;
  const Report& report_;
  const Metric metric_;
  const size_t dim_, padded_;
  std::vector<EntryPtr> entries_;  // of the track
  TrainedIndex out_;
};

}  // namespace

Status check_options(const IndexOptions& options, const Root& root, const Field& field) {
  DREAMDB_TRY(metric_of_algorithm(options.algorithm));
  const uint32_t bits = options.bits.value_or(1);
  if (bits < 1 || bits > kCodeBitsMax)
    return fail(Code::kInvalidArgument,
                "bits is " + std::to_string(bits) + "; a code has 1 to 8 bits a dimension");
  if (options.cells > kCellsMax || options.cells > root.rows)
    return fail(Code::kInvalidArgument, "cells is " + std::to_string(options.cells) +
                                            "; an index over the " + std::to_string(root.rows) +
                                            " rows of `" + field.name +
                                            "` has 1 to as many, and at most 2^24");
  return {};
}

Result<TrainedIndex> train_index(Objects& objects, const Root& root, const Field& field,
                                 const IndexOptions& options, const Report& report) {
  return IndexTrainer(objects, root, field, options, report).run();
}

Result<BuiltSegment> build_spatial(const TrainedIndex& trained, std::vector<RecallPoint> recall,
                                   const Nonce& nonce, FieldId field) {
  const SpatialIndex& index = *trained.index;
  SpatialParts parts = trained.parts;
  parts.recall = std::move(recall);
  std::vector<float> all;
  for (size_t i = 0; i < index.cells(); ++i) {
    const auto row = index.centroid(i);
    all.insert(all.end(), row.begin(), row.end());
  }
  const Routes routes = make_routes(index.frame(), all);
  const std::vector<float> centroids = with_width(all, index.frame().dim(), parts.dim);
  return build_spatial_segment(nonce, field, parts,
                               {centroids, routes.bits, routes.add, routes.scale, routes.error});
}

}  // namespace dreamdb
