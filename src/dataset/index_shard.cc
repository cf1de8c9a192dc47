#include "dataset/index_shard.h"

#include <algorithm>
#include <set>

#include "dataset/index_info.h"
#include "format/shard.h"
#include "index/encode_segments.h"
#include "version/live_session.h"

namespace dreamdb {

namespace {

uint64_t rows_of(std::span<const EntryPtr> entries) {
  uint64_t rows = 0;
  for (const EntryPtr& entry : entries) rows += entry->rows;
  return rows;
}

class ShardJob {
 public:
  ShardJob(Dataset::Impl& dataset, const Field& field, const IndexOptions& options)
      : dataset_(dataset),
        field_(field),
        options_(options),
        session_(dataset.objects().store(), dataset.space().runtime(), dataset.space().writer()) {}

  Status run() {
    DREAMDB_ASSIGN(const FieldIndex place, find_place(*dataset_.manifest()));
    spatial_ = place.spatial;
    DREAMDB_ASSIGN(index_, dataset_.space().indexes().find(
                               dataset_.objects(), place, field_,
                               {dataset_.manifest()->find_track(field_.id)}, IndexUse::kEncode));
    for (EntryPtr last;;) {
      DREAMDB_ASSIGN(auto entries, rest_of_shard(*dataset_.manifest()));
      if (entries.empty()) return {};
      if (last != nullptr && *last == *entries.front())
        return fail(Code::kConflict, segment_key(last->child) +
                                         ": got codes, and the index does not know them: another "
                                         "writer takes them away; encode the shard again when it "
                                         "has ended");
      rows_all_ = done_ + rows_of(entries);
      uint64_t rows = 0;
      const auto end = std::ranges::find_if(entries, [&](const EntryPtr& entry) {
        const bool is_full = rows >= options_.commit_rows;
        rows += entry->rows;
        return is_full;
      });
      entries.erase(end, entries.end());
      DREAMDB_ASSIGN(const bool is_done, commit(entries));
      if (is_done) last = entries.front();
    }
  }

 private:
  Result<FieldIndex> find_place(const Manifest& manifest) const {
    const FieldIndex* const place = manifest.find_index(field_.id);
    if (place == nullptr)
      return fail(
          spatial_ ? Code::kConflict : Code::kNotFound,
          "field `" + field_.name + "` has no spatial index" +
              (spatial_ ? " any more: it was dropped while a shard was encoded"
                        : "; train it first, with train_only or --train, then encode its shards"));
    if (spatial_ && place->spatial != *spatial_)
      return fail(Code::kConflict, "field `" + field_.name +
                                       "` got another spatial index while a shard was encoded; "
                                       "encode the shard again, under that one");
    return *place;
  }

  Result<std::vector<EntryPtr>> rest_of(const Manifest& manifest) const {
    DREAMDB_ASSIGN(const FieldIndex place, find_place(manifest));
    return uncovered_entries(dataset_.objects(), manifest, place);
  }

  Result<std::vector<EntryPtr>> rest_of_shard(const Manifest& manifest) const {
    DREAMDB_ASSIGN(auto rest, rest_of(manifest));
    std::erase_if(
        rest, [&](const EntryPtr& entry) { return !is_of_shard(entry->child, *options_.shard); });
    return rest;
  }

  Status report(std::string_view stage, uint64_t done, uint64_t of) const {
    if (!options_.progress || options_.progress({stage, done, of})) return {};
    return fail(Code::kCancelled, "the shard was not encoded to its end: its caller ended it");
  }

  // False: some of it got codes from another worker meanwhile.
  Result<bool> commit(std::span<const EntryPtr> entries) {
    session_.before_upload(dataset_.tip());
    const Report tell = [&](std::string_view stage, uint64_t done, uint64_t of) {
      return stage == "encode" ? report(stage, done_ + done, rows_all_) : report(stage, done, of);
    };
    DREAMDB_ASSIGN(auto codes, encode_segments(dataset_.objects(), *index_, field_, *spatial_,
                                               entries, dataset_.space().writer().nonce, tell));
    Change change;
    change.operation = "reindex";
    AddedCodes added{field_.id, *spatial_, std::move(codes), {}};
    for (const EntryPtr& entry : entries) added.covered.push_back(*entry);
    change.codes = {std::move(added)};
    bool are_left = true;
    const auto fits = [&](const Tip& tip, Change& onto) -> Result<bool> {
      DREAMDB_TRY(session_.may_publish());
      DREAMDB_ASSIGN(const auto rest, rest_of(*tip.manifest));
      std::set<std::pair<Address, uint64_t>> left;
      for (const EntryPtr& entry : rest) left.emplace(entry->child, entry->seq);
      are_left = std::ranges::all_of(entries, [&](const EntryPtr& entry) {
        return left.contains({entry->child, entry->seq});
      });
      onto.codes[0].covers_rest = entries.size() == left.size();
      return are_left;
    };
    DREAMDB_TRY(fits(dataset_.tip(), change));
    if (are_left) DREAMDB_TRY(dataset_.commit(std::move(change), fits));
    session_.settle();
    if (are_left) done_ += rows_of(entries);
    return are_left;
  }

  Dataset::Impl& dataset_;
  const Field& field_;
  const IndexOptions& options_;
  LiveSession session_;
  std::optional<Address> spatial_;  // set once the index is found
  SpatialIndexPtr index_;
  uint64_t done_ = 0, rows_all_ = 0;
};

}  // namespace

Status check_shard(const IndexOptions& options) {
  DREAMDB_TRY(check_shard(*options.shard));
  if (options.commit_rows == 0)
    return fail(Code::kInvalidArgument, "commit_rows is 0; a commit has one row at least");
  if (!options.train_only && options.algorithm.empty() && options.cells == 0 && !options.bits &&
      !options.seed)
    return {};
  return fail(Code::kInvalidArgument,
              "a shard is encoded under the index that was trained: it goes without train only, "
              "algorithm, cells, bits and seed");
}

Status encode_shard(Dataset::Impl& dataset, const Field& field, const IndexOptions& options) {
  return ShardJob(dataset, field, options).run();
}

}  // namespace dreamdb
