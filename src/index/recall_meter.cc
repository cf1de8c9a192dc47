#include "index/recall_meter.h"

#include <algorithm>
#include <cmath>

#include "index/encode.h"
#include "runtime/thread_pool.h"
#include "track/row_reader.h"

namespace dreamdb {

namespace {

constexpr size_t kRecallQueries = 128;
constexpr size_t kRecallK = 10;
constexpr size_t kPointsMax = 63;

// met[n]: nearest rows that the n-th cell of their queries has; one point for each of about eight
// steps to twice as many cells.
std::vector<RecallPoint> points_of(std::span<const uint64_t> met) {
  uint64_t total = 0, sum = 0;
  for (const uint64_t count : met) total += count;
  std::vector<RecallPoint> out;
  uint32_t last = 0;
  for (size_t probes = 1; total > 0 && probes < met.size(); ++probes) {
    sum += met[probes];
    const auto permille = static_cast<uint32_t>(sum * 1000 / total);
    const bool is_due = probes < 8 || std::log2(static_cast<double>(probes)) -
                                              std::log2(static_cast<double>(out.back().probes)) >=
                                          0.25;
    if (!is_due && permille < 1000) continue;
    if (permille > last || out.empty()) out.push_back({static_cast<uint32_t>(probes), permille});
    last = permille;
    if (permille == 1000 || out.size() == kPointsMax) break;
  }
  return out;
}

}  // namespace

Result<RecallMeter> RecallMeter::from_sample(std::span<const float> sample, size_t dim,
                                             Metric metric) {
  const size_t count = sample.size() / dim;
  const size_t step = std::max<size_t>(1, count / kRecallQueries);
  std::vector<float> chosen;
  for (size_t i = 0; i < count && chosen.size() < kRecallQueries * dim; i += step) {
    const auto row = sample.subspan(i * dim, dim);
    if (std::ranges::any_of(row, [](float value) { return value != 0; }))
      chosen.insert(chosen.end(), row.begin(), row.end());
  }
  RecallMeter out;
  if (chosen.empty()) return out;
  DREAMDB_ASSIGN(out.queries_, make_queries(chosen, chosen.size() / dim, dim, metric));
  // One more: each of them is its own nearest.
  out.nearest_.assign(out.queries_->count(), TopK(kRecallK + 1));
  return out;
}

void RecallMeter::look_at(std::span<const RowPiece> pieces, Dtype dtype) {
  if (!queries_) return;
  std::vector<std::vector<TopK>> found(pieces.size());
  shared_pool().parallel_for(pieces.size(), [&](size_t i) {
    found[i].assign(queries_->count(), TopK(kRecallK + 1));
    scan_exact(*queries_, pieces[i].values.data(), dtype, pieces[i].anchors.data(),
               pieces[i].anchors.size(), nullptr, found[i]);
  });
  for (const auto& lists : found)
    for (size_t q = 0; q < lists.size(); ++q) nearest_[q].merge(lists[q]);
}

std::vector<std::vector<uint64_t>> RecallMeter::take_truth() {
  std::vector<std::vector<uint64_t>> out;
  for (TopK& list : nearest_) {
    auto hits = list.take_sorted();
    if (queries_->metric() != Metric::kInnerProduct && !hits.empty()) hits.erase(hits.begin());
    if (hits.size() > kRecallK) hits.resize(kRecallK);
    out.emplace_back();
    for (const Hit& hit : hits) out.back().push_back(hit.anchor);
  }
  return out;
}

Result<std::vector<RecallPoint>> RecallMeter::measure(Objects& objects, const Root& root,
                                                      const Field& field,
                                                      const SpatialIndex& index) {
  if (!queries_) return std::vector<RecallPoint>();
  const auto truth = take_truth();
  std::vector<uint64_t> anchors;
  for (const auto& list : truth) anchors.insert(anchors.end(), list.begin(), list.end());
  std::ranges::sort(anchors);
  anchors.erase(std::ranges::unique(anchors).begin(), anchors.end());
  auto manifest = std::make_shared<Manifest>();
  manifest->tracks.push_back(root);
  const Field* const fields[] = {&field};
  DREAMDB_ASSIGN(const Batch rows,
                 RowReader(objects, manifest)
                     .read(Buffer::copy_of(std::as_bytes(std::span(anchors))), fields));
  CodeTable codes(index);
  codes.add(anchors, rows.columns[0].values.span(), field.dtype);

  std::vector<uint64_t> met(index.cells() + 1);
  std::vector<float> placed(index.frame().dim());
  for (size_t q = 0; q < truth.size(); ++q) {
    place_vector(index.metric(), {queries_->values() + q * queries_->dim(), queries_->dim()},
                 placed);
    const CodeQuery prepared(index.frame(), placed);
    const auto order = index.finder().nearest(placed, prepared, index.cells());
    std::vector<uint32_t> rank(index.cells());
    for (size_t i = 0; i < order.size(); ++i) rank[order[i].cell] = static_cast<uint32_t>(i + 1);
    for (const uint64_t anchor : truth[q]) {
      const auto row = std::ranges::lower_bound(anchors, anchor) - anchors.begin();
      ++met[rank[codes.cells()[static_cast<size_t>(row)]]];
    }
  }
  return points_of(met);
}

}  // namespace dreamdb
