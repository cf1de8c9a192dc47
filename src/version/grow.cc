#include "version/grow.h"

#include <algorithm>

#include "plan/tree_edit.h"

namespace dreamdb {

namespace {

// Where the new root of a tree goes.
using TakeRoot = std::function<void(const Root&)>;

// Trees that a commit adds to, and what takes the new root of each.
struct Growths {
  std::vector<Growth> trees;
  std::vector<TakeRoot> takers;

  // keeps_seq: of entries that have one, for they stand in another tree already.
  void add(const Root* root, FieldId field, std::vector<Entry> entries, uint64_t seq, TakeRoot take,
           bool keeps_seq = false) {
    for (Entry& entry : entries)
      if (!keeps_seq || entry.seq == 0) entry.seq = seq;
    trees.push_back(
        {root == nullptr ? std::nullopt : std::optional(*root), field, std::move(entries)});
    takers.push_back(std::move(take));
  }
};

const Root* root_or_null(const std::optional<Root>& root) { return root ? &*root : nullptr; }

bool same_entries(std::vector<Entry> a, std::vector<Entry> b) {
  std::sort(a.begin(), a.end(), entry_less);
  std::sort(b.begin(), b.end(), entry_less);
  return a == b;
}

// The trees of the indexes that codes are added to; indexes that cover all of their field then as
// before are left for later. `m`: not grown yet.
std::vector<FieldIndex*> grow_indexes(const Change& change, Manifest& m, Growths& growths) {
  std::vector<FieldIndex*> whole;
  for (const AddedCodes& added : change.codes) {
    const auto at = std::find_if(m.indexes.begin(), m.indexes.end(),
                                 [&](const FieldIndex& i) { return i.field == added.field; });
    if (at == m.indexes.end() || at->spatial != added.spatial) continue;
    FieldIndex* const index = &*at;
    if (!added.codes.empty())
      growths.add(root_or_null(index->codes), added.field, added.codes, m.generation,
                  [index](const Root& root) { index->codes = root; });
    if (added.covered.empty()) continue;
    if (added.covers_rest) {
      whole.push_back(index);
      continue;
    }
    // While all of the field is covered, both trees are one.
    const Root* const track = m.find_track(added.field);
    const bool is_whole =
        track == nullptr ? !index->covered : index->covered && *index->covered == *track;
    const auto given = change.entries.find(added.field);
    if (is_whole && given != change.entries.end() && same_entries(given->second, added.covered)) {
      whole.push_back(index);
    } else {
      growths.add(
          root_or_null(index->covered), added.field, added.covered, m.generation,
          [index](const Root& root) { index->covered = root; }, true);
    }
  }
  return whole;
}

}  // namespace

Result<GrownTrees> grow_trees(Objects& objects, std::span<const Growth> growths, const Nonce& nonce,
                              PageMap& pages) {
  std::vector<std::optional<Inserted>> done(growths.size());
  for (std::vector<PageRef> missing;;) {
    for (size_t i = 0; i < growths.size(); ++i) {
      if (done[i]) continue;
      const Growth& g = growths[i];
      DREAMDB_ASSIGN(Inserted inserted,
                     g.removed.empty()
                         ? insert_entries(g.root, g.field, g.entries, nonce, pages)
                         : edit_entries(g.root, g.field, g.removed, g.entries, nonce, pages));
      missing.insert(missing.end(), inserted.missing.begin(), inserted.missing.end());
      if (inserted.missing.empty()) done[i] = std::move(inserted);
    }
    if (missing.empty()) break;
    DREAMDB_TRY(objects.pages(missing, pages));
    missing.clear();
  }
  GrownTrees out;
  for (std::optional<Inserted>& inserted : done) {
    for (NewPage& page : inserted->pages) {
      pages.add(page.address, page.page);
      out.pages.push_back(std::move(page));
    }
    out.roots.push_back(inserted->root);
  }
  return out;
}

Status grow(Objects& objects, const Change& change, const Nonce& nonce, PageMap& pages,
            Committer::Built& built) {
  Manifest& m = built.manifest;
  Growths growths;
  for (const auto& [field, entries] : change.entries)
    growths.add(m.find_track(field), field, entries, m.generation,
                [&m](const Root& root) { m.set_track(root); });
  if (!change.ledger.empty())
    growths.add(root_or_null(m.ledger), kRecordTrack, change.ledger, m.generation,
                [&m](const Root& root) { m.ledger = root; });
  for (const auto& [field, entries] : change.tombstones)
    growths.add(m.find_tombstones(field), field, entries, m.generation,
                [&m](const Root& root) { m.set_tombstones(root); });
  const std::vector<FieldIndex*> whole = grow_indexes(change, m, growths);
  DREAMDB_ASSIGN(GrownTrees grown, grow_trees(objects, growths.trees, nonce, pages));
  for (NewPage& page : grown.pages) {
    built.objects.push_back({page_key(page.address), page.body});
    built.pages.push_back(std::move(page));
  }
  for (size_t i = 0; i < grown.roots.size(); ++i)
    if (grown.roots[i]) growths.takers[i](*grown.roots[i]);
  for (FieldIndex* const index : whole) index->covered = *m.find_track(index->field);
  return {};
}

}  // namespace dreamdb
