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
    return fail(Code::kConflict, "the index of `" + std::string(from) +
                                     "` has codes of rows that are not here, in " +
                                     std::to_string(diff.right_only.size()) +
                                     " segments; build it on a branch that appends nothing");
  // While all of the field is covered, both trees are one.
  if (diff.left_only.empty() && track != nullptr) index.covered = *track;
  return index;
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
    fitted.edit = put_index(index, other);
    const FieldIndex* const now = onto.manifest->find_index(field.id);
    return now == nullptr || *now != index;
  };
  DREAMDB_ASSIGN(const bool is_new, fit(tip, change));
  if (!is_new) return {};
  return dataset.commit(std::move(change), fit);
}

}  // namespace dreamdb
