#include "dataset/index_info.h"

#include <algorithm>

#include "plan/tree_diff.h"

namespace dreamdb {

Result<const Field*> get_embedding(const Schema& schema, std::string_view name) {
  DREAMDB_ASSIGN(const Field* field, schema.get(name));
  if (field->type == FieldType::kEmbedding) return field;
  return fail(Code::kInvalidArgument, "field `" + field->name + "` is of type " +
                                          std::string(type_name(field->type)) +
                                          "; an index is of an embedding");
}

Result<std::vector<EntryPtr>> uncovered_entries(Objects& objects, const Manifest& manifest,
                                                const FieldIndex& place) {
  const Root* const covered = place.covered ? &*place.covered : nullptr;
  PageMap pages;
  DREAMDB_ASSIGN(TreeDiff rest, with_pages(objects, pages, [&](const PageMap& have) {
                   return diff_trees(manifest.find_track(place.field), covered, have);
                 }));
  return std::move(rest.left_only);
}

void set_index(std::vector<FieldIndex>& indexes, FieldIndex index) {
  const auto at = std::ranges::lower_bound(indexes, index.field, {}, &FieldIndex::field);
  if (at != indexes.end() && at->field == index.field) {
    *at = std::move(index);
  } else {
    indexes.insert(at, std::move(index));
  }
}

Result<IndexInfo> describe_index(Space& space, const Manifest& manifest, const FieldIndex& place) {
  const Field& field = *manifest.schema.find(place.field);
  DREAMDB_ASSIGN(const SpatialIndexPtr index,
                 space.indexes().find(space.objects(), place, field,
                                      {manifest.find_track(place.field)}, IndexUse::kSearch));
  const SpatialParts& parts = index->parts();
  IndexInfo info;
  info.field = field.name;
  info.algorithm = parts.algorithm;
  info.address = place.spatial.text();
  info.cells = index->cells();
  info.bits = parts.bits;
  info.trained = parts.trained;
  info.bytes = place.size;
  if (place.codes) {
    info.segments = place.codes->segments;
    info.codes = place.codes->rows;
    info.bytes += place.codes->bytes;
  }
  for (const RecallPoint& point : parts.recall)
    info.recall.emplace_back(point.probes, point.permille / 1000.0);
  DREAMDB_ASSIGN(const auto rest, uncovered_entries(space.objects(), manifest, place));
  for (const EntryPtr& entry : rest) info.uncovered += entry->rows;
  return info;
}

}  // namespace dreamdb
