#include "version/edit.h"

#include <algorithm>

#include "version/grow.h"

namespace dreamdb {

namespace {

FieldIndex* find_index(Manifest& m, FieldId field) {
  const auto at = std::ranges::find(m.indexes, field, &FieldIndex::field);
  return at == m.indexes.end() ? nullptr : &*at;
}

std::optional<Root> as_optional(const Root* root) {
  return root == nullptr ? std::nullopt : std::optional(*root);
}

// Puts a tree's root where those of its kind stand, or takes it away.
void put_root(std::vector<Root>& roots, FieldId field, const std::optional<Root>& root) {
  std::erase_if(roots, [field](const Root& old) { return old.field == field; });
  if (root) roots.insert(std::ranges::lower_bound(roots, field, {}, &Root::field), *root);
}

// Whether the index has codes of all of its field: both trees are one then.
bool covers_all(const FieldIndex& index, const Root* track) {
  return index.covered && track != nullptr && *index.covered == *track;
}

std::optional<Root> root_of_edit(Manifest& m, const TreeEdit& edit) {
  FieldIndex* const index = find_index(m, edit.field);
  switch (edit.tree) {
    case TreeKind::kTrack: return as_optional(m.find_track(edit.field));
    case TreeKind::kCodes: return index == nullptr ? std::nullopt : index->codes;
    case TreeKind::kCovered: return index == nullptr ? std::nullopt : index->covered;
    case TreeKind::kLedger: return m.ledger;
    case TreeKind::kTombstones: return as_optional(m.find_tombstones(edit.field));
    case TreeKind::kReplaced: return m.replaced;
  }
  return std::nullopt;
}

void put_edited(Manifest& m, const TreeEdit& edit, const std::optional<Root>& root) {
  FieldIndex* const index = find_index(m, edit.field);
  switch (edit.tree) {
    case TreeKind::kTrack: put_root(m.tracks, edit.field, root); break;
    case TreeKind::kCodes: index->codes = root; break;
    case TreeKind::kCovered: index->covered = root; break;
    case TreeKind::kLedger: m.ledger = root; break;
    case TreeKind::kTombstones: put_root(m.tombstones, edit.field, root); break;
    case TreeKind::kReplaced: m.replaced = root; break;
  }
}

}  // namespace

Entry replaced_entry(const Entry& entry) {
  Entry out;
  uint64_t head = 0;
  for (size_t i = 0; i < sizeof head; ++i)
    head = head << 8 | std::to_integer<uint64_t>(entry.child.hash[i]);
  out.first = out.last = std::min(head, UINT64_MAX - 1);
  out.step = 1;
  out.rows = 1;
  out.seq = entry.seq;
  out.child = entry.child;
  out.bytes = 0;
  return out;
}

Status edit_trees(Objects& objects, std::span<const TreeEdit> edits, const Nonce& nonce,
                  PageMap& pages, Committer::Built& built) {
  Manifest& m = built.manifest;
  std::vector<const TreeEdit*> todo;
  std::vector<FieldIndex*> whole;
  for (const TreeEdit& edit : edits) {
    FieldIndex* const index = find_index(m, edit.field);
    const bool is_whole = index != nullptr && covers_all(*index, m.find_track(edit.field));
    if (is_whole && edit.tree == TreeKind::kTrack) whole.push_back(index);
    if (!is_whole || edit.tree != TreeKind::kCovered) todo.push_back(&edit);
  }
  std::vector<Growth> growths;
  for (const TreeEdit* const edit : todo)
    growths.push_back({root_of_edit(m, *edit), edit->field, edit->added, edit->removed});
  DREAMDB_ASSIGN(GrownTrees edited, grow_trees(objects, growths, nonce, pages));
  for (NewPage& page : edited.pages) {
    built.objects.push_back({page_key(page.address), page.body});
    built.pages.push_back(std::move(page));
  }
  for (size_t i = 0; i < todo.size(); ++i) put_edited(m, *todo[i], edited.roots[i]);
  for (FieldIndex* const index : whole) index->covered = as_optional(m.find_track(index->field));
  return {};
}

}  // namespace dreamdb
