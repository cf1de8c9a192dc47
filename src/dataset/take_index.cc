#include "dataset/take_index.h"

#include <algorithm>

#include "dataset/index_info.h"
#include "plan/tree_diff.h"

namespace dreamdb {

namespace {

// The index as it covers the field in `manifest`. Conflict: it covers more.
Result<FieldIndex> fit_index(Objects& objects, const Manifest& manifest, FieldIndex index,
                             std::string_view from) {
  const Root* const covered = index.covered ? &*index.covered : nullptr;
  const Root* const track = manifest.find_track(index.field);
  PageMap pages;
  DREAMDB_ASSIGN(const TreeDiff diff, with_pages(objects, pages, [&](const PageMap& have) {
                   return diff_trees(track, covered, have);
                 }));
  if (!diff.right_only.empty())
    return fail(Code::kConflict,
                "the index of `" + std::string(from) +
                    "` has codes of rows that are not here, in " +
                    std::to_string(diff.right_only.size()) +
                    " segments; merge that branch, or build the index on one that appends nothing");
  // While all of the field is covered, both trees are one.
  if (diff.left_only.empty() && track != nullptr) index.covered = *track;
  return index;
}

// What `other` has changed since `base`, as far as it is not here, besides the index of the field;
// "": nothing.
std::string_view other_change(const Manifest& here, const Manifest& other, const Manifest& base,
                              FieldId field) {
  const auto is_new = [](const auto& theirs, const auto& before, const auto& ours) {
    return theirs != before && theirs != ours;
  };
  if (is_new(other.tracks, base.tracks, here.tracks)) return "records or values";
  if (is_new(other.replaced, base.replaced, here.replaced)) return "what it compacted";
  if (is_new(other.ledger, base.ledger, here.ledger)) return "keys of idempotency";
  if (is_new(other.schema, base.schema, here.schema)) return "fields";
  if (is_new(other.meta, base.meta, here.meta)) return "remarks";
  const auto spatial_of = [](const Manifest& manifest, FieldId id) {
    const FieldIndex* const index = manifest.find_index(id);
    return index == nullptr ? std::optional<Address>() : index->spatial;
  };
  for (const Field& each : other.schema.fields())
    if (each.id != field &&
        is_new(spatial_of(other, each.id), spatial_of(base, each.id), spatial_of(here, each.id)))
      return "the index of another field";
  return "";
}

// Whether something is deleted in `other` alone: it may have no code there.
Result<bool> deletes_more(Objects& objects, const Manifest& here, const Manifest& other) {
  PageMap pages;
  for (const Root& root : other.tombstones) {
    DREAMDB_ASSIGN(const TreeDiff diff, with_pages(objects, pages, [&](const PageMap& have) {
                     return diff_trees(here.find_tombstones(root.field), &root, have);
                   }));
    if (!diff.right_only.empty()) return true;
  }
  return false;
}

// A version with two parents has all that both have. Conflict: this one would not.
Status check_only_index(Objects& objects, const Tip& tip, const Tip& other, FieldId field,
                        std::string_view from) {
  DREAMDB_ASSIGN(const auto base, common_ancestor(objects, {tip.address(), tip.manifest}, objects,
                                                  {other.address(), other.manifest}));
  DREAMDB_ASSIGN(const bool deletes, deletes_more(objects, *tip.manifest, *other.manifest));
  const std::string_view change =
      deletes ? "deletions"
      : base  ? other_change(*tip.manifest, *other.manifest, *base->manifest, field)
              : "all that it has";
  if (change.empty()) return {};
  return fail(Code::kConflict, "`" + std::string(from) + "` has changed more than the index (" +
                                   std::string(change) + "); merge it, which brings its index too");
}

std::function<Status(Manifest&)> put_index(const FieldIndex& index, const Tip& other) {
  return [index, address = other.address(),
          generation = other.manifest->generation](Manifest& m) -> Status {
    set_index(m.indexes, index);
    if (std::ranges::count(m.parents, address) > 0) return {};
    m.parents.push_back(address);
    m.generation = std::max(m.generation, generation + 1);
    return {};
  };
}

}  // namespace

Status take_index(Dataset::Impl& dataset, const Field& field, std::string_view from) {
  if (from.empty())
    return fail(Code::kInvalidArgument, "the ref to take an index from has no name");
  DREAMDB_ASSIGN(const Tip other, load_tip(dataset.objects(), from));
  const Tip tip = dataset.tip();
  if (other.manifest->timeline != tip.manifest->timeline)
    return fail(Code::kInvalidArgument, "`" + std::string(from) +
                                            "` is another dataset: an index is taken from a "
                                            "branch or snapshot of this one");
  const FieldIndex* const built = other.manifest->find_index(field.id);
  if (built == nullptr)
    return fail(Code::kNotFound,
                "field `" + field.name + "` has no spatial index on `" + std::string(from) + "`");
  Change change;
  change.operation = "take_index";
  const auto fit = [&](const Tip& onto, Change& fitted) -> Result<bool> {
    DREAMDB_ASSIGN(const FieldIndex index,
                   fit_index(dataset.objects(), *onto.manifest, *built, from));
    DREAMDB_TRY(check_only_index(dataset.objects(), onto, other, field.id, from));
    fitted.edit = put_index(index, other);
    const FieldIndex* const now = onto.manifest->find_index(field.id);
    return now == nullptr || *now != index;
  };
  DREAMDB_ASSIGN(const bool is_new, fit(tip, change));
  if (!is_new) return {};
  return dataset.commit(std::move(change), fit);
}

}  // namespace dreamdb
