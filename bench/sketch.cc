#include "bench/sketch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>

#include "bench/clip_like.h"
#include "bench/data.h"
#include "bench/sparse_segment.h"
#include "dataset/space.h"
#include "index/code_scan.h"
#include "runtime/thread_pool.h"
#include "search/split_mix.h"
#include "version/commit.h"

namespace dreamdb::bench {

namespace {

// The clusters of the preset "clustered"; of its noise of 0.25 cells have a small part, and rows
// the rest.
constexpr ClipPreset kCentroids{"cells", .15, .10, .03, .8, .8, 200, 20'000};
constexpr double kNoise = .22, kNoiseDecay = .8;
constexpr double kOfLength = .78;  // the square of a centroid's length before it is made 1
constexpr size_t kNoiseRows = 8192;
constexpr uint64_t kSeed = 1;
constexpr uint64_t kVectorRows = kSegmentTargetBytes / kVectorBytes;  // of a segment
constexpr uint64_t kSpilledRowBytes = 88;  // of CodeTable, of which a code segment has 64 MiB

void normalise(std::span<float> vector) {
  double square = 0;
  for (const float value : vector) square += double{value} * value;
  const auto scale = static_cast<float>(1 / std::sqrt(square));
  for (float& value : vector) value *= scale;
}

// [kNoiseRows, kDim], each of length 1 or so.
std::vector<float> make_noise() {
  std::vector<double> spread;
  double sum = 0;
  for (size_t j = 0; j < kDim; ++j)
    sum += spread.emplace_back(std::pow(static_cast<double>(j) + 1, -kNoiseDecay));
  SplitMix random(kSeed);
  std::vector<float> out(kNoiseRows * kDim);
  for (size_t i = 0; i < out.size(); ++i) {
    const double radius = std::sqrt(-2 * std::log(random.uniform()));
    const double normal = radius * std::cos(2 * M_PI * random.uniform());
    out[i] = static_cast<float>(normal * std::sqrt(spread[i % kDim] / sum));
  }
  return out;
}

std::vector<float> make_centroids(size_t cells) {
  constexpr size_t kPiece = 512;
  const ClipLike source(kCentroids, kDim, kSeed);
  std::vector<float> out(cells * kDim);
  shared_pool().parallel_for((cells + kPiece - 1) / kPiece, [&](size_t piece) {
    const size_t first = piece * kPiece;
    source.vectors(first, std::min(kPiece, cells - first), out.data() + first * kDim);
  });
  return out;
}

// Which rows there are, and where. Row n is in cell n / cell_rows, and at the place
// n * `stride` % rows in the order of anchors.
class Rows {
 public:
  Rows(uint64_t cells, uint64_t wanted)
      : cell_rows_(std::max<uint64_t>(1, wanted / cells)), count_(cells * cell_rows_) {
    // Near the golden section, consecutive rows lie far apart and evenly.
    stride_ = static_cast<uint64_t>(0.6180339887 * static_cast<double>(count_)) + 1;
    while (std::gcd(stride_, count_) != 1) ++stride_;
    inverse_ = inverse_of_stride();
  }

  uint64_t count() const { return count_; }
  uint64_t cell_rows() const { return cell_rows_; }
  uint64_t place_of(uint64_t row) const { return times(row, stride_); }
  uint64_t row_at(uint64_t place) const { return times(place, inverse_); }
  uint64_t next_place(uint64_t place) const { return (place + stride_) % count_; }

 private:
  // Of numbers below 2^32.
  uint64_t times(uint64_t a, uint64_t b) const { return a * b % count_; }
  // Euclid's algorithm.
  uint64_t inverse_of_stride() const {
    int64_t a = static_cast<int64_t>(count_), b = static_cast<int64_t>(stride_), x = 0, y = 1;
    while (b > 1) {
      const int64_t whole = a / b;
      a = std::exchange(b, a - whole * b);
      x = std::exchange(y, x - whole * y);
    }
    return static_cast<uint64_t>(y < 0 ? y + static_cast<int64_t>(count_) : y) % count_;
  }

  uint64_t cell_rows_, count_;
  uint64_t stride_ = 1, inverse_ = 1;
};

class Maker {
 public:
  Maker(std::string folder, const SketchOptions& options)
      : folder_(std::move(folder)),
        options_(options),
        rows_(options.cells, options.rows),
        noise_(make_noise()) {}

  Result<Sketch> run() {
    DREAMDB_ASSIGN(const Dataset dataset,
                   Dataset::create(locator_of(folder_), schema_of({.embedding = true})));
    field_ = dataset.schema().fields()[0].id;
    DREAMDB_ASSIGN(space_, Space::open("file://" + folder_, kCacheBytes, false));
    DREAMDB_TRY(make_index());
    draw_queries();
    DREAMDB_TRY(make_codes());
    DREAMDB_TRY(find_rows_in_doubt());
    DREAMDB_TRY(make_vectors());
    sketch_.rows = rows_.count();
    return std::move(sketch_);
  }

 private:
  uint64_t vector_segments() const { return (rows_.count() + kVectorRows - 1) / kVectorRows; }

  // A vector around a cell's centroid; `which` decides the noise.
  void draw(uint64_t cell, uint64_t which, std::span<float> out) const {
    SplitMix random(which);
    const double weight = std::sqrt(kNoise / kOfLength / 2) * (0.6 + 0.8 * random.uniform());
    const float* const a = noise_.data() + random.below(kNoiseRows) * kDim;
    const float* const b = noise_.data() + random.below(kNoiseRows) * kDim;
    const auto centroid = index_->centroid(cell);
    for (size_t j = 0; j < kDim; ++j)
      out[j] = centroid[j] + static_cast<float>(weight) * (a[j] + b[j]);
    normalise(out);
  }

  void draw_row(uint64_t row, std::span<float> out) const {
    draw(row / rows_.cell_rows(), row, out);
  }

  Status make_index() {
    std::vector<float> centroids = make_centroids(options_.cells);
    SpatialParts parts;
    parts.algorithm = "dreamdb.ivf-cosine";
    parts.dim = kDim;
    parts.signs = make_signs(kDim, kSeed);
    parts.trained = options_.cells * 64;
    parts.spread = kNoise;
    parts.recall = {{static_cast<uint32_t>(options_.probes), 950}};
    parts.origin.assign(kDim, 0);
    for (size_t i = 0; i < centroids.size(); ++i)
      parts.origin[i % kDim] += centroids[i] / static_cast<float>(options_.cells);
    Routes routes = make_routes({Metric::kCosine, parts.origin, parts.signs}, centroids);
    DREAMDB_TRY(put_index(parts, centroids, routes));
    index_ = std::make_shared<const SpatialIndex>(place_.spatial, parts, std::move(centroids),
                                                  std::move(routes));
    return {};
  }

  Status put_index(const SpatialParts& parts, std::span<const float> centroids,
                   const Routes& routes) {
    const SpatialRows rows{centroids, routes.bits, routes.add, routes.scale, routes.error};
    DREAMDB_ASSIGN(BuiltSegment built,
                   build_spatial_segment(space_->writer().nonce, field_, parts, rows));
    place_.field = field_;
    place_.spatial = built.entry.child;
    place_.size = built.entry.size;
    place_.footer = built.entry.footer;
    const PutRequest put[] = {{segment_key(place_.spatial), std::move(built.object)}};
    return space_->objects().put(put);
  }

  void draw_queries() {
    sketch_.queries.resize(options_.queries * kDim);
    for (size_t q = 0; q < options_.queries; ++q) {
      const auto out = std::span(sketch_.queries).subspan(q * kDim, kDim);
      draw(SplitMix(q).below(options_.cells), rows_.count() + q, out);
      std::vector<float> placed(kDim);
      place_vector(Metric::kCosine, out, placed);
      probes_.emplace_back(*index_, placed, bound_deviations(SearchOptions().recall));
      probes_[q].cells = index_->finder().nearest(placed, probes_[q].prepared, options_.probes);
    }
  }

  // Codes of the rows of a cell that begins at row `begin` of the segment.
  void encode_cell(uint32_t cell, uint64_t begin, SparseSegment& segment) const {
    std::vector<std::pair<uint64_t, uint64_t>> by_place;
    for (uint64_t i = 0; i < rows_.cell_rows(); ++i) {
      const uint64_t row = cell * rows_.cell_rows() + i;
      by_place.emplace_back(rows_.place_of(row), row);
    }
    std::ranges::sort(by_place);
    CellEncoder encoder(index_->frame(), index_->centroid(cell));
    constexpr size_t kWords = kDim / 64;
    std::vector<float> vector(kDim), placed(kDim);
    for (size_t i = 0; i < by_place.size(); ++i) {
      const auto [place, row] = by_place[i];
      draw_row(row, vector);
      place_vector(Metric::kCosine, vector, placed);
      uint64_t bits[kWords];
      const CodeFactors factors = encoder.encode(placed, bits);
      const uint64_t at = (begin + i) % segment.rows_per_block();
      const size_t block = (begin + i) / segment.rows_per_block();
      const uint64_t count = segment.rows_in_block(block), anchor = place * kAnchorStep;
      std::byte* out = segment.block(block).data();
      const auto put = [&](const void* value, size_t size) {
        std::memcpy(out + at * size, value, size);
        out += count * size;
      };
      put(bits, sizeof bits);
      put(&anchor, sizeof anchor);
      for (const float factor : {factors.add, factors.scale, factors.error})
        put(&factor, sizeof factor);
    }
  }

  // A code segment with those of its cells that are looked into.
  Result<Entry> make_code_segment(uint32_t first_cell, uint32_t cells,
                                  std::span<const uint32_t> looked_into) const {
    const auto cell_rows = static_cast<uint32_t>(rows_.cell_rows());
    uint64_t place = rows_.place_of(first_cell * rows_.cell_rows());
    uint64_t least = place, greatest = place;
    for (uint64_t i = 1; i < uint64_t{cells} * cell_rows; ++i) {
      place = rows_.next_place(place);
      least = std::min(least, place);
      greatest = std::max(greatest, place);
    }
    auto segment = SparseSegment::of_codes(field_, place_.spatial, first_cell, cells, cell_rows,
                                           least * kAnchorStep, greatest * kAnchorStep);
    for (const uint32_t cell : looked_into)
      encode_cell(cell, uint64_t{cell - first_cell} * cell_rows, segment);
    Entry entry = segment.finish();
    if (segment.has_blocks()) DREAMDB_TRY(segment.write(folder_));
    return entry;
  }

  Status make_codes() {
    const std::vector<uint32_t> cells = union_of_cells(probes_);
    const uint64_t per =
        std::max<uint64_t>(1, kSegmentTargetBytes / kSpilledRowBytes / rows_.cell_rows());
    const size_t segments = (options_.cells + per - 1) / per;
    AddedCodes added{field_, place_.spatial, {}, {}};
    DREAMDB_ASSIGN(added.codes, make_all(segments, [&](size_t i) {
                     const auto first = static_cast<uint32_t>(i * per);
                     const auto end = std::min<size_t>(options_.cells, first + per);
                     const auto begin_at = std::ranges::lower_bound(cells, first);
                     const auto end_at = std::ranges::lower_bound(cells, end);
                     return make_code_segment(first, static_cast<uint32_t>(end - first),
                                              {begin_at, end_at});
                   }));
    Change change;
    change.operation = "reindex";
    change.codes.push_back(std::move(added));
    change.edit = [place = place_](Manifest& manifest) -> Status {
      manifest.indexes = {place};
      return {};
    };
    return commit(std::move(change));
  }

  Status find_rows_in_doubt() {
    DREAMDB_ASSIGN(const Tip tip, load_tip(space_->objects(), "main"));
    const Root& codes = *tip.manifest->find_index(field_)->codes;
    for (ProbeQuery& probe : probes_) {
      const std::vector<uint32_t> cells = union_of_cells({&probe, 1});
      DREAMDB_ASSIGN(const CodePlan plan, plan_cells(space_->objects(), *index_, codes, cells));
      Candidates found(SearchOptions().top_k);
      DREAMDB_TRY(scan_codes(space_->objects(), plan, {&probe, 1}, {}, {&found, 1}));
      const auto list = found.take();
      sketch_.in_doubt.push_back(list.size());
      for (const Candidate& row : list) {
        const uint64_t place = row.anchor / kAnchorStep;
        blocks_[place / kVectorRows].push_back(place % kVectorRows);
      }
    }
    return {};
  }

  // A segment of vectors with the blocks that hold rows in doubt.
  Result<Entry> make_vector_segment(uint64_t index) const {
    const uint64_t first = index * kVectorRows;
    auto segment =
        SparseSegment::of_vectors(field_, first, std::min(kVectorRows, rows_.count() - first));
    const auto wanted = blocks_.find(index);
    if (wanted == blocks_.end()) return segment.finish();
    const uint64_t per = segment.rows_per_block();
    for (const uint64_t row : wanted->second) {
      const size_t block = row / per;
      auto* const out = reinterpret_cast<float*>(segment.block(block).data());
      for (uint64_t i = 0; i < segment.rows_in_block(block); ++i)
        draw_row(rows_.row_at(first + block * per + i), {out + i * kDim, kDim});
    }
    Entry entry = segment.finish();
    DREAMDB_TRY(segment.write(folder_));
    return entry;
  }

  Status make_vectors() {
    Change change;
    change.operation = "append";
    DREAMDB_ASSIGN(change.entries[field_],
                   make_all(vector_segments(), [&](size_t i) { return make_vector_segment(i); }));
    const uint64_t segments = (rows_.count() + kScalarRowsMax - 1) / kScalarRowsMax;
    DREAMDB_ASSIGN(change.entries[kRecordTrack], make_all(segments, [&](size_t i) -> Result<Entry> {
                     const uint64_t first = i * kScalarRowsMax;
                     const uint64_t rows = std::min(kScalarRowsMax, rows_.count() - first);
                     return SparseSegment::of_records(first, rows).finish();
                   }));
    DREAMDB_TRY(commit(std::move(change)));
    Change cover;
    cover.operation = "reindex";
    cover.edit = [this](Manifest& manifest) -> Status {
      manifest.indexes[0].covered = *manifest.find_track(field_);
      return {};
    };
    return commit(std::move(cover));
  }

  // make(i) -> Result<Entry> for each index below `count`, in parallel.
  template <typename Make>
  static Result<std::vector<Entry>> make_all(size_t count, const Make& make) {
    std::vector<Entry> out(count);
    std::mutex mutex;
    Status status;
    shared_pool().parallel_for(count, [&](size_t i) {
      Result<Entry> made = make(i);
      const std::lock_guard lock(mutex);
      if (made) {
        out[i] = *std::move(made);
      } else if (status) {
        status = std::unexpected(made.error());
      }
    });
    DREAMDB_TRY(std::move(status));
    return out;
  }

  Status commit(Change change) {
    DREAMDB_ASSIGN(const Tip tip, load_tip(space_->objects(), "main"));
    Committer committer(space_->objects(), space_->runtime(), space_->writer());
    DREAMDB_TRY(committer.commit(tip, std::move(change),
                                 [](const Tip&, Change&) -> Result<bool> { return true; }));
    return {};
  }

  const std::string folder_;
  const SketchOptions options_;
  const Rows rows_;
  const std::vector<float> noise_;
  FieldId field_{0};
  std::shared_ptr<Space> space_;
  FieldIndex place_;
  SpatialIndexPtr index_;
  std::vector<ProbeQuery> probes_;                    // one a query
  std::map<uint64_t, std::vector<uint64_t>> blocks_;  // rows in doubt, by segment of vectors
  Sketch sketch_;
};

}  // namespace

Result<Sketch> make_sketch(const std::string& folder, const SketchOptions& options) {
  return Maker(folder, options).run();
}

}  // namespace dreamdb::bench
