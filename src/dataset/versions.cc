// History, comparison and figures of versions.
#include <algorithm>
#include <tuple>

#include "dataset/dataset_impl.h"
#include "dataset/live_records.h"
#include "plan/tree_diff.h"
#include "version/history.h"

namespace dreamdb {

namespace {

CommitInfo commit_info(const VersionPoint& point) {
  const Manifest& m = *point.manifest;
  CommitInfo out;
  out.manifest = point.address.text();
  out.time_ns = m.time_ns;
  out.generation = m.generation;
  out.records = m.record_count();
  out.operation = m.operation;
  out.writer = m.writer;
  for (const Address& parent : m.parents) out.parents.push_back(parent.text());
  out.tracks = m.tracks.size();
  return out;
}

// Pages may stand in either of two spaces.
Result<TreeDiff> diff_tracks(Objects& left, Objects& right, const Root* a, const Root* b) {
  PageMap pages;
  for (;;) {
    DREAMDB_ASSIGN(TreeDiff diff, diff_trees(a, b, pages));
    if (diff.missing.empty()) return diff;
    const std::span<const PageRef> missing(diff.missing);
    if (&left == &right) {
      DREAMDB_TRY(left.pages(missing, pages));
    } else {
      DREAMDB_TRY(left.pages(missing.first(diff.missing_left), pages));
      DREAMDB_TRY(right.pages(missing.subspan(diff.missing_left), pages));
    }
  }
}

uint64_t sum(const std::vector<EntryPtr>& entries, uint64_t Entry::* member) {
  uint64_t total = 0;
  for (const EntryPtr& entry : entries) total += (*entry).*member;
  return total;
}

// Values of a scalar field in the segments of the record track.
uint64_t present(const std::vector<EntryPtr>& entries, FieldId field) {
  uint64_t total = 0;
  for (const EntryPtr& entry : entries) {
    const auto it = entry->stats.find(field);
    if (it != entry->stats.end()) total += it->second.present;
  }
  return total;
}

Status diff_records(Objects& lo, Objects& ro, const ManifestPtr& left, const ManifestPtr& right,
                    const TreeDiff& records, DiffReport& report) {
  DREAMDB_ASSIGN(const TreeDiff deleted, diff_tracks(lo, ro, left->find_tombstones(kRecordTrack),
                                                     right->find_tombstones(kRecordTrack)));
  DREAMDB_ASSIGN(report.records_only_left,
                 count_only_here(lo, left, records.left_only, ro, deleted.right_only));
  DREAMDB_ASSIGN(report.records_only_right,
                 count_only_here(ro, right, records.right_only, lo, deleted.left_only));
  return {};
}

Status diff_fields(Objects& lo, Objects& ro, const Manifest& left, const Manifest& right,
                   const TreeDiff& records, DiffReport& report) {
  // Fields are matched by name: ids mean something only within one dataset.
  std::vector<std::string> names;
  for (const Field& field : left.schema.fields()) names.push_back(field.name);
  for (const Field& field : right.schema.fields())
    if (left.schema.find(field.name) == nullptr) names.push_back(field.name);
  for (const std::string& name : names) {
    const Field* in_left = left.schema.find(name);
    const Field* in_right = right.schema.find(name);
    FieldDiff out;
    out.name = name;
    out.change = in_left && in_right ? "same" : in_right ? "added" : "removed";
    if (in_left && is_scalar(in_left->type))
      out.rows_only_left = present(records.left_only, in_left->id);
    if (in_right && is_scalar(in_right->type))
      out.rows_only_right = present(records.right_only, in_right->id);
    const bool left_track = in_left && !is_scalar(in_left->type);
    const bool right_track = in_right && !is_scalar(in_right->type);
    if (left_track || right_track) {
      DREAMDB_ASSIGN(const TreeDiff diff,
                     diff_tracks(lo, ro, left_track ? left.find_track(in_left->id) : nullptr,
                                 right_track ? right.find_track(in_right->id) : nullptr));
      out.rows_only_left = std::max(out.rows_only_left, sum(diff.left_only, &Entry::rows));
      out.rows_only_right = std::max(out.rows_only_right, sum(diff.right_only, &Entry::rows));
    }
    report.fields.push_back(std::move(out));
  }
  return {};
}

std::vector<std::string> meta_changes(const Manifest& left, const Manifest& right) {
  std::vector<std::string> out;
  for (const auto& [key, value] : left.meta) {
    const auto it = right.meta.find(key);
    if (it == right.meta.end() || it->second != value) out.push_back(key);
  }
  for (const auto& [key, value] : right.meta)
    if (!left.meta.contains(key)) out.push_back(key);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

class HistoryStream::Impl {
 public:
  Impl(std::shared_ptr<Space> space, VersionPoint start)
      : space_(std::move(space)), walk_(space_->objects(), std::move(start)) {}

  Result<std::optional<CommitInfo>> next() {
    DREAMDB_ASSIGN(const std::optional<VersionPoint> point, walk_.next());
    return point ? std::optional(commit_info(*point)) : std::nullopt;
  }

  std::optional<uint64_t> collected() const { return walk_.collected(); }

 private:
  const std::shared_ptr<Space> space_;
  HistoryWalk walk_;
};

HistoryStream::HistoryStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HistoryStream::HistoryStream(HistoryStream&&) noexcept = default;
HistoryStream& HistoryStream::operator=(HistoryStream&&) noexcept = default;
HistoryStream::~HistoryStream() = default;

Result<std::optional<CommitInfo>> HistoryStream::next() { return impl_->next(); }

std::optional<uint64_t> HistoryStream::collected() const { return impl_->collected(); }

Result<HistoryStream> Dataset::history() const {
  const Tip tip = impl_->tip();
  return HistoryStream(std::make_unique<HistoryStream::Impl>(
      impl_->shared_space(), VersionPoint{tip.address(), tip.manifest}));
}

Result<CommitInfo> Dataset::version_at(uint64_t depth) const {
  const Tip tip = impl_->tip();
  DREAMDB_ASSIGN(const VersionPoint point,
                 ancestor_at(impl_->objects(), {tip.address(), tip.manifest}, depth));
  return commit_info(point);
}

Result<DiffReport> Dataset::diff(const Dataset& other) const {
  const Tip left = impl_->tip();
  const Tip right = other.impl_->tip();
  DiffReport report;
  report.left = left.address().text();
  report.right = right.address().text();
  report.records_left = left.manifest->record_count();
  report.records_right = right.manifest->record_count();
  report.commits_left = left.manifest->depth;
  report.commits_right = right.manifest->depth;
  if (left.manifest->timeline == right.manifest->timeline) {
    const auto common = common_ancestor(impl_->objects(), {left.address(), left.manifest},
                                        other.impl_->objects(), {right.address(), right.manifest});
    const bool is_collected = !common && common.error().code == Code::kNotFound;
    if (!is_collected) DREAMDB_TRY(common);
    if (!is_collected && *common) {
      report.common_ancestor = (*common)->address.text();
      report.commits_left -= (*common)->manifest->depth;
      report.commits_right -= (*common)->manifest->depth;
    }
  }
  Objects &lo = impl_->objects(), &ro = other.impl_->objects();
  DREAMDB_ASSIGN(const TreeDiff records,
                 diff_tracks(lo, ro, left.manifest->find_track(kRecordTrack),
                             right.manifest->find_track(kRecordTrack)));
  DREAMDB_TRY(diff_records(lo, ro, left.manifest, right.manifest, records, report));
  DREAMDB_TRY(diff_fields(lo, ro, *left.manifest, *right.manifest, records, report));
  report.meta_changed = meta_changes(*left.manifest, *right.manifest);
  return report;
}

std::vector<std::pair<std::string, std::string>> Dataset::meta() const {
  const ManifestPtr manifest = impl_->manifest();
  return {manifest->meta.begin(), manifest->meta.end()};
}

Result<DatasetStat> Dataset::stat() const {
  const ManifestPtr manifest = impl_->manifest();
  DatasetStat out;
  out.records = manifest->record_count();
  out.commits = manifest->depth + 1;
  DREAMDB_ASSIGN(const Buffer body, write_manifest(*manifest));
  out.manifest_bytes = body.size();
  if (const Root* deleted = manifest->find_tombstones(kRecordTrack)) out.deleted = deleted->rows;
  DREAMDB_ASSIGN(const auto bounds, record_bounds(impl_->objects(), manifest));
  if (bounds) std::tie(out.first_anchor, out.last_anchor) = *bounds;
  if (const Root* records = manifest->find_track(kRecordTrack)) {
    out.tracks.push_back({"(records)", "scalars", records->rows, records->segments, records->bytes,
                          records->height});
    out.bytes += records->bytes;
  }
  for (const Field& field : manifest->schema.fields()) {
    if (is_scalar(field.type)) continue;
    TrackStat track{field.name, std::string(type_name(field.type)), 0, 0, 0, 0};
    if (const Root* root = manifest->find_track(field.id)) {
      track = {field.name, track.type, root->rows, root->segments, root->bytes, root->height};
      out.bytes += root->bytes;
    }
    out.tracks.push_back(std::move(track));
  }
  return out;
}

}  // namespace dreamdb
