#include "upkeep/mark_trees.h"

#include <algorithm>
#include <unordered_set>

#include "dreamdb/interrupt.h"

namespace dreamdb {

namespace {

// Pages of one level that are in memory at once.
constexpr size_t kNearWave = 16, kFarWave = 64;

bool has_root(const std::vector<TreeOfVersion>& trees, const Address& page) {
  return std::ranges::any_of(trees,
                             [&](const TreeOfVersion& tree) { return tree.root->page == page; });
}

bool is_damage(const Error& error) {
  return error.code == Code::kCorruption || error.code == Code::kUnsupported;
}

}  // namespace

void TreeMarker::mark_address(const Address& address) {
  if (slice_.has(address)) filter_.add(address);
}

Status TreeMarker::mark(const Manifest& manifest, const Manifest* beside) {
  may_miss_ = false;
  return mark_roots(manifest, beside);
}

Status TreeMarker::mark_rest(const Manifest& manifest, const Manifest* beside) {
  may_miss_ = true;
  return mark_roots(manifest, beside);
}

Status TreeMarker::mark_roots(const Manifest& manifest, const Manifest* beside) {
  for (const FieldIndex& index : manifest.indexes) mark_address(index.spatial);
  const std::vector<TreeOfVersion> trees = manifest.trees();
  const std::vector<TreeOfVersion> others =
      beside == nullptr ? std::vector<TreeOfVersion>() : beside->trees();
  for (const auto& [kind, root] : trees) {
    if (has_root(others, root->page) || seen_.test_and_add(root->page)) continue;
    mark_address(root->page);
    // What the tree has come from.
    PageRef before;
    uint32_t height = UINT32_MAX;
    for (const TreeOfVersion& other : others) {
      if (other.kind != kind || other.root->field != root->field) continue;
      before = {other.root->page, other.root->page_size};
      height = other.root->height;
    }
    const PageRef page{root->page, root->page_size};
    DREAMDB_TRY(walk({{&page, 1}, root->height}, {{&before, 1}, height}));
  }
  return {};
}

// Pages that are new and marked, and below which nothing was looked at yet. `beside`: pages of the
// same tree, whole below, as an earlier version had it.
Status TreeMarker::walk(const Level& level, const Level& beside) {
  const bool is_beside = beside.height == level.height && level.height > 0;
  const size_t wave = objects_.store().is_far() ? kFarWave : kNearWave;
  for (size_t begin = 0; begin < level.pages.size(); begin += wave) {
    DREAMDB_TRY(check_interrupt());
    if (filter_.is_full()) return fail(Code::kExhausted, "the filter of what is needed is full");
    const Level chunk{level.pages.subspan(begin, std::min(wave, level.pages.size() - begin)),
                      level.height};
    DREAMDB_ASSIGN(const Below below, look(chunk, is_beside ? beside.pages : Level{}.pages));
    if (below.added.empty()) continue;
    const Level replaced{below.replaced, level.height - 1};
    DREAMDB_TRY(walk({below.added, level.height - 1}, is_beside ? replaced : beside));
  }
  return {};
}

// Marks what pages name. Of pages they name, those that are new, and those of `beside` that are
// gone.
Result<TreeMarker::Below> TreeMarker::look(const Level& chunk, std::span<const PageRef> beside) {
  PageMap pages, before;
  DREAMDB_TRY(fetch(chunk.pages, pages));
  DREAMDB_TRY(fetch(beside, before));
  pages_ += chunk.pages.size();
  std::unordered_set<Address> known;  // children that have been marked
  for (const PageRef& ref : beside)
    if (const PagePtr page = before.find(ref.address))
      for (const Entry& entry : page->entries) known.insert(entry.child);
  Below below;
  for (const PageRef& ref : chunk.pages) {
    const PagePtr page = pages.find(ref.address);
    if (page == nullptr) continue;  // missing, where that may be
    DREAMDB_TRY(check_height(*page, ref.address, chunk.height));
    for (const Entry& entry : page->entries) {
      if (chunk.height == 0) {
        if (entry.size > 0) mark_address(entry.child);  // else it names no object (spec 6.4)
      } else if (known.erase(entry.child) == 0 && !seen_.test_and_add(entry.child)) {
        mark_address(entry.child);
        below.added.push_back({entry.child, entry.size});
      }
    }
  }
  // Where much more has gone than has come, nothing is alike.
  if (known.size() > 2 * below.added.size() + 2) return below;
  for (const PageRef& ref : beside)
    if (const PagePtr page = before.find(ref.address))
      for (const Entry& entry : page->entries)
        if (known.contains(entry.child)) below.replaced.push_back({entry.child, entry.size});
  return below;
}

Status TreeMarker::fetch(std::span<const PageRef> pages, PageMap& into) {
  const Status fetched = objects_.pages(pages, into);
  if (fetched || !may_miss_ || !is_damage(fetched.error())) return fetched;
  for (const PageRef& page : pages) {
    const Status one = objects_.pages({&page, 1}, into);
    if (!one && !is_damage(one.error())) return one;
  }
  return {};
}

}  // namespace dreamdb
