#include "version/grow.h"

#include <algorithm>

namespace dreamdb {

namespace {

// One tree that a commit adds to, and what takes its new root.
struct Growth {
  const Root* root;  // nullptr: empty
  FieldId field;
  std::vector<Entry> entries;
  std::function<void(const Root&)> take;
  bool keeps_seq = false;  // of entries that have one: they stand in another tree already
};

const Root* root_or_null(const std::optional<Root>& root) { return root ? &*root : nullptr; }

bool same_entries(std::vector<Entry> a, std::vector<Entry> b) {
  std::sort(a.begin(), a.end(), entry_less);
  std::sort(b.begin(), b.end(), entry_less);
  return a == b;
}

// Puts the entries into their trees: one wave a level for all trees together.
Status grow_trees(Objects& objects, std::vector<Growth> growths, uint64_t seq, const Nonce& nonce,
                  PageMap& pages, Committer::Built& built) {
  for (Growth& growth : growths)
    for (Entry& entry : growth.entries)
      if (!growth.keeps_seq || entry.seq == 0) entry.seq = seq;
  std::vector<std::optional<Inserted>> done(growths.size());
  for (std::vector<PageRef> missing;;) {
    for (size_t i = 0; i < growths.size(); ++i) {
      if (done[i]) continue;
      const Growth& g = growths[i];
      DREAMDB_ASSIGN(Inserted inserted,
                     insert_entries(g.root == nullptr ? std::nullopt : std::optional(*g.root),
                                    g.field, g.entries, nonce, pages));
      missing.insert(missing.end(), inserted.missing.begin(), inserted.missing.end());
      if (inserted.missing.empty()) done[i] = std::move(inserted);
    }
    if (missing.empty()) break;
    DREAMDB_TRY(objects.pages(missing, pages));
    missing.clear();
  }
  for (size_t i = 0; i < growths.size(); ++i) {
    for (NewPage& page : done[i]->pages) {
      built.objects.push_back({page_key(page.address), page.body});
      pages.add(page.address, page.page);
      built.pages.push_back(std::move(page));
    }
    if (done[i]->root) growths[i].take(*done[i]->root);
  }
  return {};
}

// The trees of the indexes that codes are added to; indexes that cover all of their field then as
// before are left for later. `m`: not grown yet.
std::vector<FieldIndex*> grow_indexes(const Change& change, Manifest& m,
                                      std::vector<Growth>& growths) {
  std::vector<FieldIndex*> whole;
  for (const AddedCodes& added : change.codes) {
    const auto at = std::find_if(m.indexes.begin(), m.indexes.end(),
                                 [&](const FieldIndex& i) { return i.field == added.field; });
    if (at == m.indexes.end() || at->spatial != added.spatial) continue;
    FieldIndex* const index = &*at;
    if (!added.codes.empty())
      growths.push_back({root_or_null(index->codes), added.field, added.codes,
                         [index](const Root& root) { index->codes = root; }});
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
      growths.push_back({root_or_null(index->covered), added.field, added.covered,
                         [index](const Root& root) { index->covered = root; }, true});
    }
  }
  return whole;
}

void set_root(std::vector<Root>& tracks, const Root& root) {
  const auto at = std::lower_bound(tracks.begin(), tracks.end(), root.field,
                                   [](const Root& r, FieldId f) { return r.field < f; });
  if (at != tracks.end() && at->field == root.field) {
    *at = root;
  } else {
    tracks.insert(at, root);
  }
}

}  // namespace

Status grow(Objects& objects, const Change& change, const Nonce& nonce, PageMap& pages,
            Committer::Built& built) {
  Manifest& m = built.manifest;
  std::vector<Growth> growths;
  for (const auto& [field, entries] : change.entries)
    growths.push_back({m.find_track(field), field, entries,
                       [&m](const Root& root) { set_root(m.tracks, root); }});
  if (!change.ledger.empty())
    growths.push_back({root_or_null(m.ledger), kRecordTrack, change.ledger,
                       [&m](const Root& root) { m.ledger = root; }});
  const std::vector<FieldIndex*> whole = grow_indexes(change, m, growths);
  DREAMDB_TRY(grow_trees(objects, std::move(growths), m.generation, nonce, pages, built));
  for (FieldIndex* const index : whole) index->covered = *m.find_track(index->field);
  return {};
}

}  // namespace dreamdb
