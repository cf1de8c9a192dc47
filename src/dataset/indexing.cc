// Spatial indexes of a dataset: built, dropped, told.
#include <algorithm>
#include <functional>

#include "dataset/index_info.h"
#include "dataset/index_shard.h"
#include "dataset/reading.h"
#include "dataset/take_index.h"
#include "dreamdb/interrupt.h"
#include "index/index_builder.h"
#include "plan/tree_diff.h"
#include "stream/row_stream.h"
#include "track/row_reader.h"
#include "track/tombstones.h"
#include "version/live_session.h"

namespace dreamdb {

namespace {

constexpr size_t kEncodeRows = 16'384;  // at 512 dimensions 32 MiB

// Fields get "dreamdb.lsh-cosine" where nobody chose: they have the better cells of k-means.
std::string default_algorithm(const Field& field, size_t cells) {
  const bool may_be_multi = field.shape[0] >= 2 && (cells == 0 || cells >= 4);
  if (field.algorithm == "dreamdb.imi-cosine" && may_be_multi) return field.algorithm;
  switch (natural_distance(field)) {
    case Distance::kCosine: return "dreamdb.ivf-cosine";
    case Distance::kInnerProduct: return "dreamdb.ivf-ip";
    case Distance::kL2: return "dreamdb.ivf-l2";
  }
  return "dreamdb.ivf-cosine";
}

// The rows of the field that are not deleted, in the order of anchors.
Result<std::unique_ptr<RowStream>> rows_of(const std::shared_ptr<Objects>& objects,
                                           const ManifestPtr& manifest, const Field& field,
                                           size_t batch_rows) {
  ReadOptions read;
  read.fields = {field.name};
  read.batch_rows = batch_rows;
  read.present_only = true;
  DREAMDB_ASSIGN(RowStreamOptions bound, bind_read(manifest, read));
  return std::make_unique<RowStream>(objects, manifest, std::move(bound));
}

// InvalidArgument: all that the field ever had is deleted.
Status check_rows(const std::shared_ptr<Objects>& objects, const ManifestPtr& manifest,
                  const Field& field) {
  if (tombstones_of(*manifest, field.id).empty()) return {};
  DREAMDB_ASSIGN(const auto rows, rows_of(objects, manifest, field, 1));
  DREAMDB_ASSIGN(const std::optional<Batch> first, rows->next());
  if (first) return {};
  return fail(Code::kInvalidArgument, "field `" + field.name +
                                          "` has no rows that are not deleted; append some, then " +
                                          "build its index");
}

// All rows of the field to the builder, in the order of anchors.
Status feed(IndexBuilder& builder, const std::shared_ptr<Objects>& objects,
            const ManifestPtr& manifest, const Field& field) {
  DREAMDB_ASSIGN(const auto rows, rows_of(objects, manifest, field, kEncodeRows));
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, rows->next());
    if (!batch) return {};
    DREAMDB_TRY(builder.add({batch->anchors(), batch->rows()}, batch->columns[0].values.span()));
  }
}

// Whether something of the field that was deleted in one version is there in a later one.
Result<bool> is_restored(Objects& objects, const Manifest& before, const Manifest& after,
                         FieldId field) {
  PageMap pages;
  for (const FieldId id : {kRecordTrack, field}) {
    DREAMDB_ASSIGN(const TreeDiff diff, with_pages(objects, pages, [&](const PageMap& have) {
                     return diff_trees(before.find_tombstones(id), after.find_tombstones(id), have);
                   }));
    const std::vector<const Root*> trees = tombstones_of(after, id);
    for (const EntryPtr& entry : diff.left_only) {  // a purge has others for the same anchors
      DREAMDB_ASSIGN(const Buffer held, anchors_of(objects, entry));
      const std::span anchors(reinterpret_cast<const uint64_t*>(held.data()), entry->rows);
      DREAMDB_ASSIGN(const std::vector<bool> deleted, find_deleted(objects, trees, anchors));
      if (deleted.empty() || !std::ranges::all_of(deleted, std::identity())) return true;
    }
  }
  return false;
}

// Trains an index over the handle's version, encodes all rows unless they are left to shards, and
// commits it.
Status build_index(Dataset::Impl& dataset, const Field& field, const IndexOptions& given) {
  const ManifestPtr manifest = dataset.manifest();
  const Root* const root = manifest->find_track(field.id);
  if (root == nullptr)
    return fail(Code::kInvalidArgument,
                "field `" + field.name + "` has no rows yet; append some, then build its index");
  DREAMDB_TRY(check_rows(dataset.space().shared_objects(), manifest, field));
  IndexOptions options = given;
  if (options.algorithm.empty()) options.algorithm = default_algorithm(field, options.cells);
  DREAMDB_TRY(check_options(options, *root, field));
  LiveSession session(dataset.objects().store(), dataset.space().runtime(),
                      dataset.space().writer());
  session.before_upload(dataset.tip());
  const auto report = [&](std::string_view stage, uint64_t done, uint64_t of) -> Status {
    DREAMDB_TRY(check_interrupt());
    if (!options.progress || options.progress({stage, done, of})) return {};
    return fail(Code::kCancelled, "the index was not built: its caller ended it");
  };
  IndexBuilder builder(dataset.objects(), *root, field, options, dataset.space().writer().nonce,
                       report);
  DREAMDB_TRY(builder.train());
  if (!options.train_only)
    DREAMDB_TRY(feed(builder, dataset.space().shared_objects(), manifest, field));
  DREAMDB_ASSIGN(BuiltIndex built,
                 options.train_only ? builder.finish_without_codes() : builder.finish());
  if (!options.train_only) built.place.covered = *root;
  DREAMDB_TRY(session.may_publish());

  Change change;
  change.operation = "reindex";
  change.edit = [place = built.place](Manifest& m) -> Status {
    set_index(m.indexes, place);
    return {};
  };
  change.codes = {{field.id, built.place.spatial, std::move(built.codes), {}}};
  const auto go_on = [&](const Tip& moved, Change&) -> Result<bool> {
    DREAMDB_TRY(session.may_publish());
    const Field* const now = moved.manifest->schema.find(field.id);
    if (now == nullptr || now->type != FieldType::kEmbedding)
      return fail(Code::kConflict,
                  "field `" + field.name + "` was removed while its index was built");
    // What was deleted has no codes, and its segments are said to be covered.
    DREAMDB_ASSIGN(const bool restored,
                   is_restored(dataset.objects(), *manifest, *moved.manifest, field.id));
    if (!restored) return true;
    return fail(Code::kConflict, "records of field `" + field.name +
                                     "` that were deleted have been restored while its index was "
                                     "built; build it again");
  };
  DREAMDB_TRY(dataset.commit(std::move(change), go_on));
  session.settle();
  return {};
}

// What a commit has made. Whoever cannot read it now is not told that nothing was committed.
Result<IndexInfo> describe_committed(const Dataset::Impl& dataset, FieldId field) {
  const ManifestPtr after = dataset.manifest();
  auto info = describe_index(dataset.space(), *after, *after->find_index(field));
  if (info) return info;
  return fail(Code::kOutcomeUnknown, "the index is committed, in version " +
                                         dataset.tip().address().text() +
                                         ", and cannot be described: " + info.error().message +
                                         "; open the dataset and look");
}

}  // namespace

Result<IndexInfo> Dataset::reindex(std::string_view name, const IndexOptions& options) {
  const std::lock_guard lock(impl_->write_mutex());
  DREAMDB_TRY(impl_->check_writable());
  if (options.shard) DREAMDB_TRY(check_shard(options));
  const ManifestPtr manifest = impl_->manifest();
  DREAMDB_ASSIGN(const Field* field, get_embedding(manifest->schema, name));
  DREAMDB_TRY(options.shard ? encode_shard(*impl_, *field, options)
                            : build_index(*impl_, *field, options));
  return describe_committed(*impl_, field->id);
}

Result<IndexInfo> Dataset::take_index(std::string_view name, std::string_view from) {
  const std::lock_guard lock(impl_->write_mutex());
  DREAMDB_TRY(impl_->check_writable());
  const ManifestPtr manifest = impl_->manifest();
  DREAMDB_ASSIGN(const Field* field, get_embedding(manifest->schema, name));
  DREAMDB_TRY(dreamdb::take_index(*impl_, *field, from));
  return describe_committed(*impl_, field->id);
}

Status Dataset::drop_index(std::string_view name) {
  const std::lock_guard lock(impl_->write_mutex());
  DREAMDB_TRY(impl_->check_writable());
  const ManifestPtr manifest = impl_->manifest();
  DREAMDB_ASSIGN(const Field* field, get_embedding(manifest->schema, name));
  if (manifest->find_index(field->id) == nullptr)
    return fail(Code::kNotFound, "field `" + field->name + "` has no spatial index");
  Change change;
  change.operation = "drop_index";
  change.edit = [id = field->id](Manifest& m) -> Status {
    std::erase_if(m.indexes, [id](const FieldIndex& index) { return index.field == id; });
    return {};
  };
  return impl_->commit(std::move(change), [](const Tip&, Change&) -> Result<bool> { return true; });
}

Result<std::vector<IndexInfo>> Dataset::indexes() const {
  const ManifestPtr manifest = impl_->manifest();
  std::vector<IndexInfo> out;
  for (const FieldIndex& place : manifest->indexes) {
    DREAMDB_ASSIGN(IndexInfo info, describe_index(impl_->space(), *manifest, place));
    out.push_back(std::move(info));
  }
  return out;
}

}  // namespace dreamdb
