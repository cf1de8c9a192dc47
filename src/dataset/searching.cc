// Vector search over a version: through the field's spatial index where there is one, and exactly
// over what the index does not know.
//
// A filter becomes a set of anchors first, which is kept for the next query with the same filter.
#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "dataset/dataset_impl.h"
#include "dataset/filter_shelf.h"
#include "dataset/hits.h"
#include "dataset/reading.h"
#include "index/index_search.h"
#include "index/track_scan.h"
#include "plan/tree_diff.h"
#include "runtime/stopwatch.h"
#include "search/filter.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

constexpr size_t kTopKMax = 1'000'000;
constexpr size_t kSeenMax = 1000;  // values of more hits are not held besides those handed out
// Fewer matches than this are read and compared at once: it costs less than their codes.
constexpr size_t kFewMatches = 1000;
// In a folder a row is read, verified and compared in the time of so many codes.
constexpr uint64_t kCodesARow = 64;
// Without codes all rows would be read: less than one in so many matches are in few of the blocks.
constexpr uint64_t kOneIn = 16;
Metric metric_of(Distance distance) {
  switch (distance) {
    case Distance::kCosine: return Metric::kCosine;
    case Distance::kInnerProduct: return Metric::kInnerProduct;
    case Distance::kL2: return Metric::kL2;
  }
  return Metric::kCosine;
}

// Both lists have the best of their rows; a record may stand in both, by the same value.
std::vector<Hit> join_hits(TopK& a, TopK& b, size_t top_k) {
  std::vector<Hit> hits = a.take_sorted(), more = b.take_sorted();
  hits.insert(hits.end(), more.begin(), more.end());
  std::sort(hits.begin(), hits.end(), better);
  std::unordered_set<uint64_t> seen;
  std::erase_if(hits, [&](const Hit& hit) { return !seen.insert(hit.anchor).second; });
  if (hits.size() > top_k) hits.resize(top_k);
  return hits;
}

// One call of search.
class Search {
 public:
  // fields: that are handed out.
  Search(Space& space, ManifestPtr manifest, const Field& field, const QuerySet& queries,
         const SearchOptions& options, std::span<const Field* const> fields)
      : space_(space),
        objects_(space.objects()),
        manifest_(std::move(manifest)),
        field_(field),
        queries_(queries),
        options_(options),
        hands_out_values_(options.top_k <= kSeenMax &&
                          std::ranges::count(fields, field.id, &Field::id) > 0) {
    filter_.first = options.start;
    filter_.last = options.end - 1;  // never asked for an empty range
  }

  Result<std::vector<std::vector<Hit>>> run() {
    indexed_.assign(queries_.count(), TopK(options_.top_k));
    scanned_ = indexed_;
    const Root* const root = manifest_->find_track(field_.id);
    if (root != nullptr && options_.start < options_.end && options_.top_k > 0) {
      DREAMDB_TRY(find_index());
      DREAMDB_TRY(options_.where ? search_matches(*root) : search_all(*root));
    } else {
      report_.reason = "nothing_to_find";
    }
    std::vector<std::vector<Hit>> hits;
    for (size_t q = 0; q < queries_.count(); ++q)
      hits.push_back(join_hits(indexed_[q], scanned_[q], options_.top_k));
    return hits;
  }

  const SearchReport& report() const { return report_; }
  // Values of hits that are at hand.
  const SeenRows& seen() const { return seen_; }

 private:
  // The index, if the field has one for this distance.
  Status find_index() {
    const FieldIndex* const place = options_.exact ? nullptr : manifest_->find_index(field_.id);
    if (place == nullptr) {
      report_.reason = options_.exact ? "exact" : "no_index";
      return {};
    }
    const Root* const filtered = options_.where ? manifest_->find_track(kRecordTrack) : nullptr;
    auto index = space_.indexes().find(
        objects_, *place, field_, {manifest_->find_track(field_.id), filtered}, IndexUse::kSearch);
    if (!index)
      return fail(index.error().code, index.error().message +
                                          "; it is the spatial index of field `" + field_.name +
                                          "`: search with exact, or reindex");
    if ((*index)->metric() != queries_.metric()) {
      report_.reason = "other_distance";
      return {};
    }
    place_ = place;
    index_ = *std::move(index);
    return {};
  }

  // What matches the filter, as many of it at a time as are held in memory.
  Status search_matches(const Root& root) {
    for (uint64_t start = options_.start;;) {
      DREAMDB_ASSIGN(const Matches matches,
                     space_.filters().find(space_.shared_objects(), manifest_, *options_.where,
                                           start, options_.end));
      filter_.set = matches.set;
      filter_.first = start;
      filter_.last = matches.next ? *matches.next - 1 : options_.end - 1;
      DREAMDB_TRY(matches.set->size() <= few_matches(root) ? compare_few() : search_all(root));
      if (!matches.next) return {};
      start = *matches.next;
    }
  }

  // So many matches take less time to compare than to find by codes.
  uint64_t few_matches(const Root& root) const {
    if (index_ == nullptr) return std::max<uint64_t>(kFewMatches, root.rows / kOneIn);
    // Far away, rows by the thousand are more bytes than codes.
    if (objects_.store().is_far()) return kFewMatches;
    const uint64_t codes = root.rows / index_->cells() * probes(root);
    return std::max<uint64_t>(kFewMatches, codes / kCodesARow);
  }

  Status search_all(const Root& root) {
    DREAMDB_TRY(search_indexed(root));
    Stopwatch watch;
    DREAMDB_TRY(scan_rest(root));
    report_.seconds.rows += watch.lap();
    return {};
  }

  Status compare_few() {
    Stopwatch watch;
    IndexSearch search(objects_, manifest_, field_);
    DREAMDB_ASSIGN(const auto found,
                   search.score_rows(queries_, filter_.set->anchors(), options_.top_k));
    merge(found, scanned_);
    report_.scanned += search.work().reranked;
    report_.seconds.rows += watch.lap();
    if (index_ != nullptr) report_.reason = "few_matches";
    return {};
  }

  // An error on the way through the index, or of what it covers.
  static std::unexpected<Error> by_index(const Error& error) {
    return fail(error.code,
                error.message + "; search with exact, or reindex, if the index is damaged");
  }

  static void merge(std::span<const TopK> found, std::vector<TopK>& into) {
    for (size_t q = 0; q < found.size(); ++q) into[q].merge(found[q]);
  }

  Status search_indexed(const Root& root) {
    if (index_ == nullptr || !place_->codes) return {};
    DREAMDB_ASSIGN(filter_.hidden, space_.tombstones().find(objects_, manifest_, field_.id));
    report_.algorithm = index_->parts().algorithm;
    IndexSearch search(objects_, manifest_, field_, index_);
    const bool is_widened = filter_.set != nullptr && options_.probes == 0;
    auto found =
        search.run(queries_, {options_.top_k, probes(root), is_widened ? plain_probes() : 0,
                              bound_deviations(options_.recall), filter_,
                              hands_out_values_ ? &seen_ : nullptr});
    if (!found) return by_index(found.error());
    report_.probes = std::max<size_t>(report_.probes, search.work().probes);
    report_.recall = index_->recall_of(report_.probes);
    merge(*found, indexed_);
    report_.cells += search.work().cells;
    report_.codes += search.work().codes;
    report_.candidates += search.work().candidates;
    report_.reranked += search.work().reranked;
    report_.seconds.cells += search.work().cell_seconds;
    report_.seconds.codes += search.work().code_seconds;
    report_.seconds.rows += search.work().row_seconds;
    return {};
  }

  size_t plain_probes() const {
    const size_t asked =
        options_.probes != 0 ? options_.probes : index_->probes_for(options_.recall);
    return std::clamp<size_t>(asked, 1, index_->cells());
  }

  size_t probes(const Root& root) const {
    if (filter_.set == nullptr || options_.probes != 0) return plain_probes();
    const double part =
        std::min(1.0, static_cast<double>(filter_.set->size()) / static_cast<double>(root.rows));
    return probes_under_filter(plain_probes(), part, index_->cells());
  }

  // What the index does not know.
  Status scan_rest(const Root& root) {
    const TrackScanOptions scan{options_.top_k, filter_, tombstones_of(*manifest_, field_.id)};
    if (index_ == nullptr) {
      report_.scanned += root.rows;
      DREAMDB_ASSIGN(const auto found, scan_track(objects_, root, field_, queries_, scan));
      merge(found, scanned_);
      return {};
    }
    const Root* const covered = place_->covered ? &*place_->covered : nullptr;
    PageMap pages;
    const auto rest = with_pages(
        objects_, pages, [&](const PageMap& have) { return diff_trees(&root, covered, have); });
    if (!rest) return by_index(rest.error());
    uint64_t uncovered = 0;
    for (const EntryPtr& entry : rest->left_only) uncovered += entry->rows;
    report_.scanned += uncovered;
    report_.covered = 1 - static_cast<double>(uncovered) / static_cast<double>(root.rows);
    if (rest->left_only.empty()) return {};
    report_.reason = "uncovered_rows";
    DREAMDB_ASSIGN(const auto found,
                   scan_entries(objects_, root, field_, queries_, scan, rest->left_only));
    merge(found, scanned_);
    return {};
  }

  Space& space_;
  Objects& objects_;
  const ManifestPtr manifest_;
  const Field& field_;
  const QuerySet& queries_;
  const SearchOptions& options_;
  const bool hands_out_values_;
  AnchorFilter filter_;
  const FieldIndex* place_ = nullptr;
  SpatialIndexPtr index_;  // nullptr: all is compared
  std::vector<TopK> indexed_, scanned_;
  SearchReport report_;
  SeenRows seen_;
};

Status check_options(const Field& field, std::span<const float> queries, size_t count,
                     const SearchOptions& options) {
  if (field.type != FieldType::kEmbedding)
    return fail(Code::kInvalidArgument, "field `" + field.name + "` is of type " +
                                            std::string(type_name(field.type)) +
                                            "; search needs an embedding");
  const uint64_t dim = field.shape[0];
  if (count != 0 && queries.size() % count == 0 && queries.size() / count != dim)
    return fail(Code::kInvalidArgument, "query dim " + std::to_string(queries.size() / count) +
                                            " != schema dim " + std::to_string(dim) +
                                            " of field `" + field.name + "`");
  if (options.top_k > kTopKMax)
    return fail(Code::kInvalidArgument, "top_k " + std::to_string(options.top_k) +
                                            " is more than " + std::to_string(kTopKMax) +
                                            "; stream the field instead");
  if (!(options.recall > 0 && options.recall <= 1))
    return fail(Code::kInvalidArgument,
                "recall is " + std::to_string(options.recall) + "; it is above 0 and at most 1");
  return {};
}

}  // namespace

Distance natural_distance(const Field& field) {
  if (field.algorithm.ends_with("-l2")) return Distance::kL2;
  return field.algorithm.ends_with("-ip") ? Distance::kInnerProduct : Distance::kCosine;
}

Result<SearchAnswer> Dataset::search(std::string_view field, std::span<const float> queries,
                                     size_t count, const SearchOptions& options) const {
  const Tip tip = impl_->tip();
  const ManifestPtr& manifest = tip.manifest;
  DREAMDB_ASSIGN(const Field* target, manifest->schema.get(field));
  DREAMDB_TRY(check_options(*target, queries, count, options));
  if (options.where) DREAMDB_TRY(Filter::bind(*options.where, manifest->schema));
  const Metric metric = metric_of(options.distance);
  DREAMDB_ASSIGN(const QuerySet set, make_queries(queries, count, target->shape[0], metric));
  DREAMDB_ASSIGN(const auto chosen, choose_fields(manifest->schema, options.fields));
  const StoreStats before = impl_->space().stats();
  Search search(impl_->space(), manifest, *target, set, options, chosen);
  DREAMDB_ASSIGN(const auto hits, search.run());
  SearchAnswer answer;
  Stopwatch watch;
  DREAMDB_ASSIGN(answer.hits, read_hits(RowReader(impl_->objects(), manifest), hits, chosen,
                                        *target, metric, search.seen()));
  const StoreStats after = impl_->space().stats();
  answer.report = search.report();
  answer.report.seconds.fields = watch.lap();
  answer.report.manifest = tip.address().text();
  answer.report.requests = after.gets - before.gets;
  answer.report.waves = after.waves - before.waves;
  answer.report.bytes = after.bytes_read - before.bytes_read;
  return answer;
}

}  // namespace dreamdb
