// Merging versions into a ref: nothing to do, a step forward, or a new version with all they have.
#include <algorithm>
#include <map>

#include "dataset/dataset_impl.h"
#include "dataset/merge_plan.h"
#include "dataset/source_guard.h"
#include "runtime/interrupt.h"
#include "version/live_session.h"

namespace dreamdb {

namespace {

constexpr size_t kNamedMax = 10;

struct Source {
  VersionPoint point;
  std::optional<VersionPoint> base;  // the common ancestor with the target, if it is there
};

// Pages of `made` below the roots of `manifest`. Merging one source after the other makes others,
// which no version names.
std::vector<PutRequest> reachable(const Manifest& manifest, const std::vector<NewPage>& made) {
  std::map<Address, const NewPage*> pages;
  for (const NewPage& page : made) pages.emplace(page.address, &page);
  std::vector<Address> open;
  for (const TreeOfVersion& tree : manifest.trees()) open.push_back(tree.root->page);
  std::vector<PutRequest> out;
  while (!open.empty()) {
    const auto at = pages.find(open.back());
    open.pop_back();
    if (at == pages.end()) continue;
    const NewPage& page = *at->second;
    pages.erase(at);
    out.push_back({page_key(page.address), page.body});
    if (page.page->height > 0)
      for (const Entry& entry : page.page->entries) open.push_back(entry.child);
  }
  return out;
}

uint64_t deleted(const Manifest& manifest) {
  const Root* const root = manifest.find_tombstones(kRecordTrack);
  return root == nullptr ? 0 : root->rows;
}

// Also those that are deleted.
uint64_t records_ever(const Manifest& manifest) {
  return manifest.record_count() + deleted(manifest);
}

// A restored version may have less than the one before.
uint64_t more_than(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

std::string names_of(const MergeReport& report) {
  std::string text;
  for (size_t i = 0; i < report.conflicts.size() && i < kNamedMax; ++i) {
    const MergeConflict& c = report.conflicts[i];
    text += (i > 0 ? "; " : "") + std::string("anchor ") + std::to_string(c.anchor) + ", field `" +
            c.field + "`: target " + c.target + ", source " + c.source;
  }
  if (report.conflicts.size() > kNamedMax || report.more_conflicts) text += "; ...";
  for (size_t i = 0; i < report.meta_conflicts.size() && i < kNamedMax; ++i)
    text +=
        (text.empty() ? "" : "; ") + std::string("user map: `") + report.meta_conflicts[i] + "`";
  return text;
}

class Merge {
 public:
  // `guard` is over the sources.
  Merge(Dataset::Impl& target, std::vector<VersionPoint> sources, SourceGuard& guard,
        const MergeOptions& options)
      : target_(target),
        objects_(target.objects()),
        given_(std::move(sources)),
        guard_(guard),
        options_(options),
        nonce_(random_write_id(target.space().runtime())),
        session_(objects_.store(), target.space().runtime(), target.space().writer()) {}

  Result<MergeReport> run() {
    for (;;) {
      DREAMDB_TRY(check_interrupt());
      const Tip tip = target_.tip();
      DREAMDB_ASSIGN(const bool forward, find_bases(tip));
      if (sources_.empty()) return finish("up-to-date");
      if (!forward) return unite(tip);
      report_.records =
          more_than(records_ever(*sources_[0].point.manifest), records_ever(*tip.manifest));
      report_.deleted = more_than(deleted(*sources_[0].point.manifest), deleted(*tip.manifest));
      report_.manifest = sources_[0].point.address.text();
      if (options_.dry_run) return finish("fast-forward");
      DREAMDB_TRY(guard_.check());
      DREAMDB_ASSIGN(const bool advanced, target_.advance(sources_[0].point));
      if (advanced) return finish("fast-forward");
    }
  }

 private:
  // Those of the sources that the tip has not below it; whether the ref can move on to the only
  // one.
  Result<bool> find_bases(const Tip& tip) {
    report_ = {};
    report_.target = tip.address().text();
    report_.manifest = report_.target;
    sources_.clear();
    for (const VersionPoint& source : given_) {
      std::optional<VersionPoint> base;
      auto found = common_ancestor(objects_, {tip.address(), tip.manifest}, objects_, source);
      if (found || found.error().code != Code::kNotFound) {  // else it was collected
        DREAMDB_ASSIGN(base, std::move(found));
        if (!base)
          return fail(Code::kConflict,
                      manifest_key(source.address) + " and the target have no version in common");
        if (base->address == source.address) continue;
      }
      report_.sources.push_back(source.address.text());
      sources_.push_back({source, std::move(base)});
    }
    if (sources_.empty() || !sources_[0].base) return false;
    report_.common_ancestor = sources_[0].base->address.text();
    return sources_.size() == 1 && sources_[0].base->address == tip.address();
  }

  Result<MergeReport> unite(const Tip& tip) {
    if (options_.forward_only)
      return fail(Code::kConflict,
                  "`" + tip.name +
                      "` has versions that the source has not, so it cannot simply "
                      "move on; merge them (union-tracks)");
    session_.before_upload(tip);
    Change change;
    DREAMDB_ASSIGN(const bool changed, prepare(tip, change));
    if (report_.outcome == "refused") return std::move(report_);
    if (!changed || options_.dry_run) return finish(changed ? "union" : "up-to-date");
    bool is_there = false;
    const auto again = [&](const Tip& moved, Change& anew) -> Result<bool> {
      DREAMDB_TRY(find_bases(moved));
      DREAMDB_ASSIGN(const bool changes, prepare(moved, anew));
      DREAMDB_TRY(may_publish());
      is_there = !changes;
      return changes;
    };
    DREAMDB_TRY(may_publish());
    DREAMDB_TRY(target_.commit(std::move(change), again));
    session_.settle();
    for (const NewPage& page : made_) objects_.remember(page.address, page.page, page.body.size());
    return finish(is_there ? "up-to-date" : "union");
  }

  Status may_publish() {
    DREAMDB_TRY(session_.may_publish());
    return guard_.check();
  }

  // The commit that brings the sources to `tip`; false: they have nothing that it lacks.
  Result<bool> prepare(const Tip& tip, Change& change) {
    VersionPoint now{tip.address(), tip.manifest};
    PageMap pages;
    std::vector<PutRequest> segments;
    made_.clear();
    bool changed = false;
    size_t put_pages = 0;
    // What one source brought is read when the next is compared with it.
    const auto put_made = [&]() -> Status {
      std::vector<PutRequest> objects = std::exchange(segments, {});
      for (; put_pages < made_.size(); ++put_pages)
        objects.push_back({page_key(made_[put_pages].address), made_[put_pages].body});
      return objects.empty() ? Status() : objects_.put(objects);
    };
    const MergeSetting setting{
        nonce_,
        generation_above(tip),
        options_.conflicts_max,
        pages,
        put_made,
        [&](const VersionPoint& source) { return nearer_bases(tip, source); }};
    for (const Source& source : sources_) {
      DREAMDB_ASSIGN(const std::vector<VersionPoint> bases, bases_of(tip, source));
      DREAMDB_ASSIGN(MergedVersion merged,
                     merge_versions(objects_, now, source.point, bases, setting, report_));
      if (!report_.conflicts.empty() || !report_.meta_conflicts.empty()) {
        report_.outcome = "refused";
        if (options_.dry_run) return true;
        return refuse();
      }
      changed = changed || merged.changed;
      now.manifest = std::make_shared<const Manifest>(std::move(merged.manifest));
      segments.insert(segments.end(), merged.segments.begin(), merged.segments.end());
      made_.insert(made_.end(), merged.pages.begin(), merged.pages.end());
    }
    report_.manifest.clear();
    change.operation = "merge";
    change.objects = reachable(*now.manifest, made_);
    change.objects.insert(change.objects.end(), segments.begin(), segments.end());
    change.edit = [this, merged = now.manifest,
                   generation = setting.generation](Manifest& m) -> Status {
      for (const Source& source : sources_) m.parents.push_back(source.point.address);
      m.generation = generation;
      m.schema = merged->schema;
      m.tracks = merged->tracks;
      m.indexes = merged->indexes;
      m.ledger = merged->ledger;
      m.tombstones = merged->tombstones;
      m.replaced = merged->replaced;
      m.meta = merged->meta;
      return {};
    };
    return changed;
  }

  // The common ancestor, or those above it that merges have made, where they make a difference.
  Result<std::vector<VersionPoint>> bases_of(const Tip& tip, const Source& source) {
    if (!source.base) return std::vector<VersionPoint>();
    if (may_differ_by_base(*tip.manifest, *source.point.manifest)) {
      DREAMDB_ASSIGN(std::vector<VersionPoint> above, nearer_bases(tip, source.point));
      if (!above.empty()) return above;
    }
    return std::vector<VersionPoint>{*source.base};
  }

  Result<std::vector<VersionPoint>> nearer_bases(const Tip& tip, const VersionPoint& point) {
    const auto source = std::ranges::find(sources_, point.address,
                                          [](const Source& one) { return one.point.address; });
    if (!source->base) return std::vector<VersionPoint>();
    auto above = merged_ancestors(objects_, {tip.address(), tip.manifest}, point, *source->base);
    if (!above && above.error().code == Code::kNotFound) return std::vector<VersionPoint>();
    return above;  // NotFound: collected
  }

  uint64_t generation_above(const Tip& tip) const {
    uint64_t greatest = tip.manifest->generation;
    for (const Source& source : sources_)
      greatest = std::max(greatest, source.point.manifest->generation);
    return greatest + 1;
  }

  std::unexpected<Error> refuse() {
    if (options_.refused != nullptr) *options_.refused = report_;
    const std::string number = std::to_string(report_.conflicts.size());
    return fail(Code::kConflict,
                "the two sides have different values (" + number +
                    (report_.more_conflicts ? " and more" : "") + " of records, " +
                    std::to_string(report_.meta_conflicts.size()) +
                    " of the user map): " + names_of(report_) +
                    "; nothing was merged. Append the values that shall be (on_conflict "
                    "\"replace\") on both sides, then merge again");
  }

  Result<MergeReport> finish(const std::string& outcome) {
    report_.outcome = outcome;
    const bool is_planned = options_.dry_run && outcome != "up-to-date";
    if (!is_planned) report_.manifest = target_.tip().address().text();
    if (outcome == "up-to-date") DREAMDB_TRY(target_.make_durable());
    return std::move(report_);
  }

  Dataset::Impl& target_;
  Objects& objects_;
  const std::vector<VersionPoint> given_;
  SourceGuard& guard_;
  const MergeOptions& options_;
  // Its own: a segment that it makes must be none that was replaced before, in whatever branch.
  const Nonce nonce_;
  LiveSession session_;
  std::vector<Source> sources_;
  std::vector<NewPage> made_;  // for the commit under way
  MergeReport report_;
};

}  // namespace

Result<MergeReport> Dataset::merge(std::span<const Dataset> sources, const MergeOptions& options) {
  DREAMDB_TRY(impl_->check_writable());
  if (options.conflicts_max == 0)
    return fail(Code::kInvalidArgument, "conflicts_max is 0; a refused merge tells one at least");
  std::vector<VersionPoint> points;
  SourceGuard guard(impl_->space());
  for (const Dataset& source : sources) {
    const Tip tip = source.impl_->tip();
    if (source.store_url() != store_url() || tip.manifest->timeline != impl_->manifest()->timeline)
      return fail(Code::kInvalidArgument,
                  source.locator() + " is no version of the dataset at " + locator() +
                      ": branches of one dataset in one store can be merged");
    const bool is_named_twice = std::ranges::any_of(
        points, [&](const VersionPoint& point) { return point.address == tip.address(); });
    if (is_named_twice) continue;
    // Whoever committed it may not have lived to sync it.
    if (!source.impl_->pinned()) DREAMDB_TRY(source.impl_->make_durable());
    points.push_back({tip.address(), tip.manifest});
    guard.add(*source.impl_, tip.address());
  }
  const std::lock_guard lock(impl_->write_mutex());
  if (!options.dry_run) DREAMDB_TRY(guard.check());
  auto merged = Merge(*impl_, std::move(points), guard, options).run();
  if (!merged && merged.error().code == Code::kOutcomeUnknown) guard.leave();
  return merged;
}

Result<MergeReport> Dataset::merge(const Dataset& source, const MergeOptions& options) {
  return merge(std::span(&source, 1), options);
}

}  // namespace dreamdb
