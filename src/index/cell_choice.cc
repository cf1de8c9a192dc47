#include "index/cell_choice.h"

#include <algorithm>
#include <cstring>

#include "runtime/thread_pool.h"

namespace dreamdb {

namespace {

// Of a tree whose root has more pages below it a search needs few.
constexpr size_t kPagesAhead = 128;

// Adds the pages below a root that is in memory.
void add_pages_below(Objects& objects, const Root& root, std::vector<PageRef>& out) {
  const PagePtr page = objects.caches().find<Page>({root.page, Part::kPage});
  if (page == nullptr || page->height == 0 || page->entries.size() > kPagesAhead) return;
  for (const Entry& entry : page->entries) out.push_back({entry.child, entry.size});
}

std::vector<PageRef> pages_wanted_next(Objects& objects, const Root& codes,
                                       std::span<const Root* const> tracks) {
  std::vector<PageRef> out;
  add_pages_below(objects, codes, out);
  for (const Root* track : tracks)
    if (track != nullptr) add_pages_below(objects, *track, out);
  return out;
}

// All of them where one of `codes` is missing, which would take a wave anyway. What cannot be had
// is left for who needs it.
void read_ahead(Objects& objects, const Root& codes, std::span<const Root* const> tracks) {
  std::vector<PageRef> first;
  add_pages_below(objects, codes, first);
  const bool has_all = std::ranges::all_of(first, [&](const PageRef& ref) {
    return objects.caches().find<Page>({ref.address, Part::kPage}) != nullptr;
  });
  if (has_all) return;
  PageMap pages;
  (void)objects.pages(pages_wanted_next(objects, codes, tracks), pages);
}

// Centroids of some cells, padded.
class CentroidRows {
 public:
  // cells: ascending, unique.
  static Result<CentroidRows> read(Objects& objects, const SpatialIndex& index,
                                   std::vector<uint32_t> cells, std::span<const PageRef> ahead) {
    CentroidRows out;
    out.cells_ = std::move(cells);
    const Segment& segment = index.segment()->segment;
    const Run& run = segment.spatial->centroids;
    std::vector<Extent> blocks;
    for (const uint32_t cell : out.cells_) {
      out.rows_.push_back(objects.caches().find_matrix(key_of(segment, cell)));
      const size_t block = cell / run.per;
      if (out.rows_.back() == nullptr && (blocks.empty() || blocks.back().first_block < block))
        blocks.push_back({index.segment(), &run, block, 1});
    }
    DREAMDB_ASSIGN(const auto bytes, objects.extents(blocks, nullptr, ahead));
    const size_t dim = index.parts().dim;
    Buffer raw;
    for (size_t i = 0, next = 0; i < out.cells_.size(); ++i) {
      if (out.rows_[i] != nullptr) continue;
      const size_t block = out.cells_[i] / run.per;
      if (next < blocks.size() && blocks[next].first_block == block) {
        DREAMDB_ASSIGN(raw, decode_centroids(segment, block, bytes[next]));
        ++next;
      }
      const size_t row_bytes = dim * sizeof(float);
      MutableBuffer row(index.frame().dim() * sizeof(float));
      std::memcpy(row.data(), raw.data() + out.cells_[i] % run.per * row_bytes, row_bytes);
      std::memset(row.data() + row_bytes, 0, row.size() - row_bytes);
      out.rows_[i] = std::make_shared<const Buffer>(std::move(row).freeze());
      objects.caches().keep_matrix(key_of(segment, out.cells_[i]), out.rows_[i]);
    }
    return out;
  }

  const float* row(uint32_t cell) const {
    const auto at = std::ranges::lower_bound(cells_, cell) - cells_.begin();
    return reinterpret_cast<const float*>(rows_[static_cast<size_t>(at)]->data());
  }

 private:
  static CacheKey key_of(const Segment& segment, uint32_t cell) {
    return {segment.address, Part::kCentroid, cell};
  }

  std::vector<uint32_t> cells_;
  std::vector<std::shared_ptr<const Buffer>> rows_;
};

// Of `cells`, ascending, those from `first` to `last`.
std::span<const uint32_t> between(std::span<const uint32_t> cells, uint32_t first, uint32_t last) {
  const auto begin = std::ranges::lower_bound(cells, first);
  return {begin, std::ranges::upper_bound(begin, cells.end(), last)};
}

// Adds hits to those a query has, of which the `count` best stay.
void keep_best(const CellFinder& finder, std::vector<CellHit> more, size_t count,
               std::vector<CellHit>& hits) {
  hits.insert(hits.end(), more.begin(), more.end());
  std::ranges::sort(hits, [&](const CellHit& a, const CellHit& b) {
    const float x = finder.closeness(a), y = finder.closeness(b);
    return x != y ? x > y : a.cell < b.cell;
  });
  hits.resize(std::min(hits.size(), count));
}

}  // namespace

Status choose_cells(Objects& objects, const SpatialIndex& index, std::span<ProbeQuery> queries,
                    std::span<const size_t> counts, const Root& codes,
                    std::span<const Root* const> tracks) {
  ThreadPool& pool = shared_pool();
  const CellFinder& finder = index.finder();
  std::vector<std::vector<uint32_t>> in_doubt(queries.size());
  pool.parallel_for(queries.size(), [&](size_t q) {
    ProbeQuery& query = queries[q];
    if (index.has_centroids()) {
      query.cells = finder.nearest(query.placed, query.prepared, counts[q]);
    } else {
      query.cells.clear();
      in_doubt[q] = finder.candidates(query.placed, query.prepared, counts[q]);
      in_doubt[q].shrink_to_fit();  // it had room for all cells
    }
  });
  if (index.has_centroids()) {
    read_ahead(objects, codes, tracks);
    return {};
  }
  std::vector<uint32_t> wanted;
  for (const std::vector<uint32_t>& cells : in_doubt)
    wanted.insert(wanted.end(), cells.begin(), cells.end());
  std::ranges::sort(wanted);
  wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
  std::vector<PageRef> ahead = pages_wanted_next(objects, codes, tracks);
  // Each is read once for all queries.
  for (std::span<const uint32_t> left = wanted; !left.empty();) {
    const auto cells = left.first(std::min(left.size(), kCentroidsAtOnce));
    left = left.subspan(cells.size());
    DREAMDB_ASSIGN(const auto rows,
                   CentroidRows::read(objects, index, {cells.begin(), cells.end()}, ahead));
    pool.parallel_for(queries.size(), [&](size_t q) {
      ProbeQuery& query = queries[q];
      const auto own = between(in_doubt[q], cells.front(), cells.back());
      std::vector<const float*> places;
      for (const uint32_t cell : own) places.push_back(rows.row(cell));
      keep_best(finder, finder.rank(query.placed, own, places, counts[q]), counts[q], query.cells);
    });
    ahead.clear();
  }
  return {};
}

}  // namespace dreamdb
