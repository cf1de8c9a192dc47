#include "upkeep/page_rules.h"

namespace dreamdb {

namespace {

std::unexpected<Error> wrong(std::string what) { return fail(Code::kCorruption, std::move(what)); }

Status check_sum(std::string_view name, uint64_t stated, uint64_t found) {
  if (stated == found) return {};
  return wrong("has " + std::string(name) + " " + std::to_string(found) +
               ", where what names it says " + std::to_string(stated) + " (S6.6)");
}

// Bounds and values that are told may be wider than the truth, never narrower (S6.5).
bool covers(const ColumnStats& above, const ColumnStats& below) {
  if (above.present != below.present) return false;
  Stats both{{FieldId{1}, above}};
  merge_stats(both, {{FieldId{1}, below}});
  ColumnStats& merged = both.at(FieldId{1});
  merged.present = above.present;
  return merged == above;
}

Status check_stats(const Stats& above, const Stats& below) {
  bool fits = above.size() == below.size();
  for (auto a = above.begin(), b = below.begin(); fits && a != above.end(); ++a, ++b)
    fits = a->first == b->first && covers(a->second, b->second);
  if (fits) return {};
  return wrong("has values that the statistics of what names it do not cover (S6.5)");
}

}  // namespace

std::vector<NamedTree> list_trees(const Manifest& manifest) {
  std::vector<NamedTree> out;
  for (const TreeOfVersion& tree : manifest.trees()) {
    const bool is_index = tree.kind == TreeKind::kCodes || tree.kind == TreeKind::kCovered;
    out.push_back(
        {tree.kind, tree.root, is_index ? manifest.find_index(tree.root->field) : nullptr});
  }
  return out;
}

std::string tree_name(const NamedTree& tree, const Schema& schema) {
  const Field* const field = schema.find(tree.field());
  const std::string name =
      field == nullptr ? std::to_string(static_cast<uint32_t>(tree.field())) : field->name;
  switch (tree.kind) {
    case TreeKind::kTrack: return tree.is_records() ? "(records)" : name;
    case TreeKind::kCodes: return "(codes of " + name + ")";
    case TreeKind::kCovered: return "(covered of " + name + ")";
    case TreeKind::kLedger: return "(ledger)";
    case TreeKind::kReplaced: return "(replaced)";
    case TreeKind::kTombstones:
      return tree.field() == kRecordTrack ? "(deleted)" : "(deleted of " + name + ")";
  }
  return name;
}

Status check_page(const NamedPage& named, const Page& page) {
  const Entry& above = named.above;
  DREAMDB_TRY(check_sum("height", named.height, page.height));
  const Entry sum = summarize(page, above.child, above.size);
  DREAMDB_TRY(check_sum("first anchor", above.first, sum.first));
  DREAMDB_TRY(check_sum("last anchor", above.last, sum.last));
  DREAMDB_TRY(check_sum("rows", above.rows, sum.rows));
  DREAMDB_TRY(check_sum("records", above.records, sum.records));
  DREAMDB_TRY(check_sum("segments", above.segments, sum.segments));
  DREAMDB_TRY(check_sum("bytes", above.bytes, sum.bytes));
  if (named.is_root) return {};
  DREAMDB_TRY(check_sum("seq", above.seq, sum.seq));
  return check_stats(above.stats, sum.stats);
}

Status check_leaf(const NamedTree& tree, const Entry& entry, uint64_t generation) {
  const bool names_segment = entry.size != 0;
  if (names_segment != names_segments(tree.kind))
    return wrong("an entry of a ledger in a track, or the other way around (S6.7)");
  if (entry.seq > generation)
    return wrong("its seq " + std::to_string(entry.seq) + " is above the version's generation " +
                 std::to_string(generation) + " (S6.6)");
  if (!names_segment || tree.is_records()) return {};
  if (tree.kind == TreeKind::kTombstones)
    return entry.stats.empty() ? Status() : wrong("it has statistics, among tombstones (S6.5)");
  if (entry.records != entry.rows)
    return wrong("its records are " + std::to_string(entry.records) + " of " +
                 std::to_string(entry.rows) + " rows, outside the record track (S6.6)");
  if (tree.kind != TreeKind::kCodes && !entry.stats.empty())
    return wrong("it has statistics, outside the record track (S6.5)");
  return {};
}

}  // namespace dreamdb
