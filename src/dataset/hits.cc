#include "dataset/hits.h"

#include <algorithm>
#include <cstring>

#include "runtime/carried.h"
#include "runtime/thread_pool.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

// The values of hits that were all seen.
Column seen_column(const Field& field, std::span<const Hit> hits, const SeenRows& seen) {
  const size_t row_bytes = field.row_bytes();
  MutableBuffer values(hits.size() * row_bytes);
  for (size_t i = 0; i < hits.size(); ++i)
    std::memcpy(values.data() + i * row_bytes, seen.find(hits[i].anchor), row_bytes);
  Column out = empty_column(field, 0);
  out.values = std::move(values).freeze();
  return out;
}

Result<Batch> read_fields(const RowReader& reader, std::span<const uint64_t> anchors,
                          std::span<const Field* const> fields, const Field& searched) {
  Batch out;
  out.anchors_bytes = Buffer::copy_of(std::as_bytes(anchors));
  if (fields.empty()) return out;
  DREAMDB_ASSIGN(RowPlan plan, reader.plan(out.anchors_bytes, fields));
  plan.keeps_rows_of = searched.id;  // they were read a moment ago, to be compared
  return reader.fetch(plan);
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
  std::vector<const Field*> unseen(fields.begin(), fields.end());
  const auto place = std::ranges::find(fields, searched.id, &Field::id) - fields.begin();
  const bool is_seen =
      place < std::ssize(fields) &&
      std::ranges::all_of(anchors, [&](uint64_t anchor) { return seen.find(anchor) != nullptr; });
  if (is_seen) unseen.erase(unseen.begin() + place);
  DREAMDB_ASSIGN(const Batch all, read_fields(reader, anchors, unseen, searched));
  std::vector<SearchHits> out(hits.size());
  Carried carried;
  shared_pool().parallel_for(hits.size(), [&](size_t q) {
    carried.run([&] {
      std::vector<uint32_t> rows;
      for (const Hit& hit : hits[q]) {
        rows.push_back(
            static_cast<uint32_t>(std::ranges::lower_bound(anchors, hit.anchor) - anchors.begin()));
        out[q].scores.push_back(score_of_key(metric, hit.key));
      }
      out[q].rows = pick_rows(all, rows);
      if (!is_seen) return;
      std::vector<Column>& columns = out[q].rows.columns;
      columns.insert(columns.begin() + place, seen_column(searched, hits[q], seen));
    });
  });
  carried.rethrow();
  return out;
}

}  // namespace dreamdb
