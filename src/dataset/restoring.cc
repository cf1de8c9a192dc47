// Going back to an older version, by a new one that has what it had.
#include <algorithm>

#include "dataset/source_guard.h"
#include "version/history.h"

namespace dreamdb {

namespace {

// A snapshot of the ref is a version that it had, also where the versions between are collected.
bool is_snapshot_of(const Tip& older, const Tip& tip) {
  return older.ref.snapshot && older.name.starts_with(tip.name + "@");
}

// InvalidArgument unless `older` stands on the way of `tip` to the first version. NotFound: that is
// not known, for the history was collected.
Status check_is_below(Objects& objects, const Tip& tip, const Tip& older,
                      const std::string& locator) {
  const auto found = common_ancestor(objects, {tip.address(), tip.manifest}, objects,
                                     {older.address(), older.manifest});
  const bool is_collected = !found && found.error().code == Code::kNotFound;
  if (is_collected && is_snapshot_of(older, tip)) return {};
  DREAMDB_ASSIGN(const auto base, found);
  if (base && base->address == older.address()) return {};
  return fail(Code::kInvalidArgument,
              locator + " is no older version of `" + tip.name +
                  "`, so there is nothing to go back to; merge it, or make a branch of it");
}

bool has_same(const Manifest& a, const Manifest& b) {
  return a.schema.fields() == b.schema.fields() && a.tracks == b.tracks && a.indexes == b.indexes &&
         a.ledger == b.ledger && a.tombstones == b.tombstones && a.replaced == b.replaced &&
         a.meta == b.meta;
}

// An id of a field is never used again, so the next one does not fall.
Status put_back(const Manifest& older, Manifest& manifest) {
  DREAMDB_ASSIGN(manifest.schema,
                 Schema::restore(older.schema.fields(),
                                 std::max(older.schema.next_id(), manifest.schema.next_id())));
  manifest.tracks = older.tracks;
  manifest.indexes = older.indexes;
  manifest.ledger = older.ledger;
  manifest.tombstones = older.tombstones;
  manifest.replaced = older.replaced;
  manifest.meta = older.meta;
  return {};
}

}  // namespace

Result<std::string> Dataset::restore(const Dataset& source) {
  DREAMDB_TRY(impl_->check_writable());
  const Tip older = source.impl_->tip();
  if (source.store_url() != store_url() || older.manifest->timeline != impl_->manifest()->timeline)
    return fail(Code::kInvalidArgument,
                source.locator() + " is no version of the dataset at " + locator());
  const std::lock_guard lock(impl_->write_mutex());
  SourceGuard guard(impl_->space());
  guard.add(*source.impl_, older.address());
  Change change;
  change.operation = "restore";
  change.edit = [&](Manifest& manifest) { return put_back(*older.manifest, manifest); };
  const auto fit = [&](const Tip& onto, Change&) -> Result<bool> {
    if (has_same(*onto.manifest, *older.manifest)) return false;
    DREAMDB_TRY(check_is_below(impl_->objects(), onto, older, source.locator()));
    DREAMDB_TRY(guard.check());
    return true;
  };
  DREAMDB_ASSIGN(const bool is_new, fit(impl_->tip(), change));
  if (is_new) {
    const Status done = impl_->commit(std::move(change), fit);
    if (!done && done.error().code == Code::kOutcomeUnknown) guard.leave();
    DREAMDB_TRY(done);
  } else {
    DREAMDB_TRY(impl_->make_durable());
  }
  return manifest();
}

}  // namespace dreamdb
