// Search through a spatial index: cells, codes, exact scores of those that the codes leave in
// doubt.
//
// Thread rule: one call at a time; the work is shared on the pool.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "index/code_scan.h"
#include "index/seen_rows.h"
#include "search/exact.h"
#include "track/row_reader.h"

namespace dreamdb {

struct IndexSearchOptions {
  size_t top_k = 10;
  size_t probes = 1;  // cells a query looks into at first; more where they hold too few that match
  // So many would do without the filter, which may let fewer through near a query than of all rows:
  // then it looks into more cells. 0: it does not.
  size_t plain_probes = 0;
  Deviations deviations = bound_deviations(0);
  AnchorFilter filter;
  // Gets the values of the best hits, unless they were too many to be held; nullptr: nobody asks.
  SeenRows* seen = nullptr;
};

// How many cells to read where `plain` do without a filter that lets through a part of the rows:
// the nearest that match lie further out, where rows stand less close together, so it takes more
// than in proportion to hold as many of them.
size_t probes_under_filter(size_t plain, double part, size_t cells);

// What a search through an index has looked at, for all its queries.
struct IndexWork {
  uint64_t cells = 0;       // of queries that were read together, those they share once
  uint64_t codes = 0;       // rows of codes in them
  uint64_t candidates = 0;  // rows whose codes left them in doubt
  uint64_t reranked = 0;    // exact scores
  uint64_t probes = 0;      // the most cells that one query looked into
  // Of choosing cells, of codes, of exact scores.
  double cell_seconds = 0, code_seconds = 0, row_seconds = 0;

  void add(const IndexWork& other);
};

class IndexSearch {
 public:
  IndexSearch(Objects& objects, const ManifestPtr& manifest, const Field& field,
              SpatialIndexPtr index)
      : objects_(objects),
        reader_(objects, manifest),
        place_(manifest->find_index(field.id)),
        tracks_{manifest->find_track(field.id), manifest->find_track(kRecordTrack)},
        field_(field),
        index_(std::move(index)) {}

  // Without an index only `score_rows` may be asked.
  IndexSearch(Objects& objects, ManifestPtr manifest, const Field& field)
      : objects_(objects), reader_(objects, std::move(manifest)), place_(nullptr), field_(field) {}

  // One TopK a query: hits among the rows that have codes, scored exactly by the values that the
  // version has. Fewer than `top_k` only if no more match. 2 waves if nothing is cached but pages
  // and footers, 1 more for each kCentroidsAtOnce that are in doubt if the index has no centroids,
  // `probes` cells hold enough that match, and the rows in doubt are few; 2 more for each time that
  // a query looks further.
  Result<std::vector<TopK>> run(const QuerySet& queries, const IndexSearchOptions& options);
  // The same over rows that are named: no code is looked at.
  Result<std::vector<TopK>> score_rows(const QuerySet& queries, std::span<const uint64_t> anchors,
                                       size_t top_k);

  const IndexWork& work() const { return work_; }

 private:
  // One query on its way.
  struct Search {
    ProbeQuery query;
    size_t wanted;  // how many lower bounds make the threshold: top_k, and those that were no rows
    size_t probes;
    TopK best;
    bool is_narrow = false;  // `best` says that better ones may stand in more cells
  };
  bool is_each_alone(const QuerySet& queries) const;
  // Of `count` queries from number `first` on; their answers go behind those in `out`.
  Status run_alone(const QuerySet& queries, size_t first, size_t count,
                   const IndexSearchOptions& options, std::vector<TopK>& out);
  Status run_together(const QuerySet& queries, size_t first, size_t count,
                      const IndexSearchOptions& options, std::vector<TopK>& out);
  Status round(std::span<Search*> searches, const QuerySet& queries,
               std::span<const size_t> numbers, const IndexSearchOptions& options);
  // Exact scores of each search's list, some values at a time.
  Status rerank(std::span<Search*> searches, std::span<const std::vector<Candidate>> lists,
                const QuerySet& queries, std::span<const size_t> numbers,
                const IndexSearchOptions& options);
  // The values of a search's best hits, as far as the last rerank has them at hand.
  void see_best(const Search& search, SeenRows& seen) const;
  // Of some candidates, `values` holding theirs among others; adds to what the search has.
  void score(const Batch& values, std::span<const Candidate> candidates, const QuerySet& query,
             Search& search) const;
  // Whether more than a few of `best` stand in the outer half of the cells, if they are not few.
  static bool is_at_edge(const Search& search, std::span<const Candidate> candidates);
  // The field's values at anchors, ascending and unique.
  Result<Batch> read_values(std::span<const uint64_t> anchors);

  Objects& objects_;
  const RowReader reader_;
  const FieldIndex* const place_;
  const Root* const tracks_[2] = {};  // the field's, and that of the records
  const Field& field_;
  const SpatialIndexPtr index_;
  IndexWork work_;
  std::optional<Batch> at_hand_;  // values of the last rerank, for IndexSearchOptions::seen
};

}  // namespace dreamdb
