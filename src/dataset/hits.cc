#include "dataset/hits.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "track/columns.h"

namespace dreamdb {

namespace {

// The values at all anchors, if all were seen.
std::optional<Column> seen_column(const Field& field, std::span<const uint64_t> anchors,
                                  const SeenRows& seen) {
  const size_t row_bytes = field.row_bytes();
  MutableBuffer values(anchors.size() * row_bytes);
  for (size_t i = 0; i < anchors.size(); ++i) {
    const std::byte* const row = seen.find(anchors[i]);
    if (row == nullptr) return std::nullopt;
    std::memcpy(values.data() + i * row_bytes, row, row_bytes);
  }
  Column out = empty_column(field, 0);
  out.values = std::move(values).freeze();
  return out;
}

Result<Batch> read_fields(const RowReader& reader, std::span<const uint64_t> anchors,
                          std::span<const Field* const> fields, const Field& searched,
                          const SeenRows& seen) {
  std::vector<const Field*> unseen(fields.begin(), fields.end());
  const auto place = std::ranges::find(fields, searched.id, &Field::id) - fields.begin();
  std::optional<Column> values;
  if (place < std::ssize(fields)) values = seen_column(searched, anchors, seen);
  if (values) unseen.erase(unseen.begin() + place);
  Batch out;
  out.anchors_bytes = Buffer::copy_of(std::as_bytes(anchors));
  if (!unseen.empty()) {
    DREAMDB_ASSIGN(RowPlan plan, reader.plan(out.anchors_bytes, unseen));
    plan.keeps_rows_of = searched.id;  // they were read a moment ago, to be compared
    DREAMDB_ASSIGN(out, reader.fetch(plan));
  }
  if (values) out.columns.insert(out.columns.begin() + place, *std::move(values));
  return out;
}

}  // namespace

Result<std::vector<SearchHits>> read_hits(const RowReader& reader,
                                          std::span<const std::vector<Hit>> hits,
                                          std::span<const Field* const> fields,
                                          const Field& searched, Metric metric,
                                          const SeenRows& seen) {
  std::vector<uint64_t> anchors;
  for (const auto& list : hits)
    for (const Hit& hit : list) anchors.push_back(hit.anchor);
  std::ranges::sort(anchors);
  anchors.erase(std::ranges::unique(anchors).begin(), anchors.end());
  DREAMDB_ASSIGN(const Batch all, read_fields(reader, anchors, fields, searched, seen));
  std::vector<SearchHits> out;
  for (const auto& list : hits) {
    SearchHits answer;
    std::vector<uint32_t> rows;
    for (const Hit& hit : list) {
      rows.push_back(
          static_cast<uint32_t>(std::ranges::lower_bound(anchors, hit.anchor) - anchors.begin()));
      answer.scores.push_back(score_of_key(metric, hit.key));
    }
    answer.rows = pick_rows(all, rows);
    out.push_back(std::move(answer));
  }
  return out;
}

}  // namespace dreamdb
