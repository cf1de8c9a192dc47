#include "dataset/appender.h"

#include <algorithm>
#include <numeric>

#include "runtime/interrupt.h"
#include "store/key.h"
#include "track/columns.h"
#include "track/row_reader.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

// Groups on their way while the next one is gathered: one is built, which holds its rows twice, and
// one is put, which holds its segments alone.
constexpr size_t kWorksUnderWayMax = 2;
constexpr int kAssignTriesMax = 8;

Buffer sequence(uint64_t first, uint64_t step, size_t rows) {
  MutableBuffer out(rows * 8);
  auto* anchors = reinterpret_cast<uint64_t*>(out.data());
  for (size_t i = 0; i < rows; ++i) anchors[i] = first + i * step;
  return std::move(out).freeze();
}

std::span<const uint64_t> as_anchors(const Buffer& buffer) {
  return {reinterpret_cast<const uint64_t*>(buffer.data()), buffer.size() / 8};
}

bool ranges_meet(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  return !a.empty() && !b.empty() && a.front() <= b.back() && b.front() <= a.back();
}

// Both ascending.
bool have_common(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  for (size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    if (a[i] == b[k]) return true;
    a[i] < b[k] ? ++i : ++k;
  }
  return false;
}

void add_counts(AppendReport& into, const AppendReport& counts) {
  into.rows += counts.rows;
  into.records += counts.records;
  into.filled += counts.filled;
  into.unchanged += counts.unchanged;
  into.skipped += counts.skipped;
  into.replaced += counts.replaced;
}

}  // namespace

// A group's segments on their way to the store: built, then put, each on a thread of the pool.
struct Appender::Work {
  size_t group = 0;      // in `groups_`
  ManifestPtr manifest;  // the fields of `rows` point into its schema
  SortedRows rows;
  Selection selection;
  IndexMap indexes;
  std::vector<TrackSegment> segments;
  Status status;
  Task building;
  Task putting;  // set when `building` is done; empty when that failed

  const std::atomic<bool>* stop = nullptr;  // of its appender: nobody waits for it any more

  void build(std::shared_ptr<Space> space) {
    auto built = build_segments(rows, selection, indexes, space->writer().nonce);
    rows = {};
    selection = {};
    if (!built) {
      status = std::unexpected(std::move(built).error());
      return;
    }
    segments = *std::move(built);
    putting = shared_pool().submit([this, space = std::move(space)] { put(*space); });
  }

  void put(Space& space) {
    std::vector<PutRequest> requests;
    take_objects(segments, requests);
    const JointScope scope([this] { return stop->load(); });
    status = check_interrupt();
    if (status) status = space.objects().put(requests);
  }

  void wait() {
    building.wait();
    putting.wait();
  }
  // The same, unless the caller is interrupted.
  Status finish() {
    for (Task* task : {&building, &putting})
      while (!task->wait_for(kInterruptLookNs)) DREAMDB_TRY(check_interrupt());
    return {};
  }
};

Appender::~Appender() {
  stop_ = true;
  for (const auto& work : works_) work->wait();
}

bool Appender::meets_pending(const NewRows& rows) const {
  if (!rows.anchors) return false;
  std::vector<uint64_t> sorted(as_anchors(*rows.anchors).begin(), as_anchors(*rows.anchors).end());
  std::sort(sorted.begin(), sorted.end());
  return meets_groups(sorted, nullptr);
}

bool Appender::meets_groups(std::span<const uint64_t> sorted, const Group* except) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    const auto held = as_anchors(group.anchors);
    return &group != except && ranges_meet(held, sorted) && have_common(held, sorted);
  });
}

// Gives the rows anchors that neither the version nor a group but `own` has.
Status Appender::assign(const Manifest& manifest, const Group* own, SortedRows& rows) {
  for (int tries = 0; tries <= kAssignTriesMax; ++tries) {
    DREAMDB_ASSIGN(const uint64_t first, dataset_.assign_anchors(rows.rows()));
    rows.batch.anchors_bytes = sequence(first, 1000, rows.rows());
    DREAMDB_ASSIGN(const auto taken, find_taken(dataset_.objects(), manifest, rows.anchors()));
    if (taken.empty() && !meets_groups(rows.anchors(), own)) return {};
  }
  return fail(Code::kExhausted, "no free anchors were found near the clock; give anchors");
}

Status Appender::start_work(std::shared_ptr<Work> work) {
  DREAMDB_TRY(finish_work(kWorksUnderWayMax - 1));
  if (!works_.empty()) works_.back()->building.wait();
  work->building = shared_pool().submit(
      [work = work.get(), space = dataset_.shared_space()] { work->build(space); });
  works_.push_back(std::move(work));
  return {};
}

// Waits until at most `left_max` works are under way; the segments of those done go to their
// groups.
Status Appender::finish_work(size_t left_max) {
  while (works_.size() > left_max) {
    const std::shared_ptr<Work> work = works_.front();
    DREAMDB_TRY(work->finish());
    Group& group = groups_[work->group];
    works_.pop_front();
    DREAMDB_TRY(work->status);
    group.segments = std::move(work->segments);
  }
  return {};
}

// A damaged index does not hold up an append: rows without codes are searched exactly.
Result<IndexMap> Appender::find_indexes(const Manifest& manifest,
                                        std::span<const Field* const> fields) {
  IndexMap out;
  for (const Field* field : fields) {
    const FieldIndex* const place = manifest.find_index(field->id);
    if (place == nullptr) continue;
    auto index = dataset_.space().indexes().find(
        dataset_.objects(), *place, *field, {manifest.find_track(field->id)}, IndexUse::kEncode);
    if (index) {
      (*index)->assigner();  // made here, before many threads ask for it
      out.emplace(field->id, *std::move(index));
    } else if (index.error().code != Code::kCorruption) {
      return std::unexpected(std::move(index).error());
    }
  }
  return out;
}

Result<Appender::Group> Appender::make_group(SortedRows rows, bool assigned, const Tip& tip,
                                             Work& work) {
  DREAMDB_ASSIGN(work.selection, classify(dataset_.objects(), tip.manifest, rows, on_conflict_));
  Group group;
  group.base = tip.address();
  group.base_version = tip.manifest;
  group.anchors = rows.batch.anchors_bytes;
  for (const Field* field : rows.fields) group.fields.push_back(field->name);
  group.assigned = assigned;
  group.all_fresh = work.selection.all_fresh;
  group.counts = work.selection.counts;
  group.same = std::move(work.selection.same);
  group.skipped = std::move(work.selection.skipped);
  DREAMDB_ASSIGN(work.indexes, find_indexes(*tip.manifest, rows.fields));
  work.manifest = tip.manifest;
  work.rows = std::move(rows);
  return group;
}

Result<Appender::Group> Appender::build_group(SortedRows rows, bool assigned, const Tip& tip) {
  Work work;
  DREAMDB_ASSIGN(Group group, make_group(std::move(rows), assigned, tip, work));
  DREAMDB_ASSIGN(group.segments, build_segments(work.rows, work.selection, work.indexes,
                                                dataset_.space().writer().nonce));
  return group;
}

// Who does not answer, or has nobody to answer any more, is left in peace.
void Appender::look_at(const Error& error) {
  if (error.code != Code::kUnavailable && error.code != Code::kCancelled) return;
  stop_ = true;
  session_.give_up();
}

Status Appender::add(NewRows rows, bool spill) {
  Status added = add_rows(std::move(rows), spill);
  if (!added) look_at(added.error());
  return added;
}

Status Appender::add_rows(NewRows rows, bool spill) {
  if (rows.rows == 0) return check_columns(rows, dataset_.schema());
  const bool assigned = !rows.anchors.has_value();
  const uint64_t bytes = rows_bytes(rows);
  const Tip tip = dataset_.tip();
  const ManifestPtr& manifest = tip.manifest;
  if (assigned) rows.anchors = sequence(0, 1, rows.rows);  // until they are sorted
  auto name_of_row = rows.name_of_row;
  DREAMDB_ASSIGN(SortedRows sorted, sort_rows(std::move(rows), manifest->schema));
  if (assigned) {
    sorted.name_of_row = name_of_row ? std::move(name_of_row)
                                     : [](size_t row) { return "row " + std::to_string(row); };
    DREAMDB_TRY(assign(*manifest, nullptr, sorted));
  }
  pending_rows_ += sorted.rows();
  pending_bytes_ += bytes;
  if (spill) {
    auto work = std::make_shared<Work>();
    DREAMDB_ASSIGN(Group group, make_group(std::move(sorted), assigned, tip, *work));
    work->group = groups_.size();
    work->stop = &stop_;
    session_.before_upload(tip);
    DREAMDB_TRY(start_work(std::move(work)));
    groups_.push_back(std::move(group));
    return {};
  }
  DREAMDB_ASSIGN(Group group, build_group(std::move(sorted), assigned, tip));
  take_objects(group.segments, unput_);
  groups_.push_back(std::move(group));
  return {};
}

void Appender::drop() {
  stop_ = true;
  for (const auto& work : works_) work->wait();
  works_.clear();
  stop_ = false;
  groups_.clear();
  unput_.clear();
  pending_rows_ = pending_bytes_ = 0;
  session_.settle();
}

void Appender::fill_change(Change& change) const {
  change.entries.clear();
  std::map<std::pair<FieldId, Address>, AddedCodes> codes;
  for (const Group& group : groups_)
    for (const TrackSegment& segment : group.segments) {
      change.entries[segment.track].push_back(segment.entry);
      if (!segment.codes) continue;
      AddedCodes& added = codes[{segment.track, segment.spatial}];
      added.codes.push_back(segment.codes->entry);
      added.covered.push_back(segment.entry);
    }
  change.codes.clear();
  for (auto& [key, added] : codes) {
    std::tie(added.field, added.spatial) = key;
    change.codes.push_back(std::move(added));
  }
  change.new_records.clear();
  uint64_t records = 0;
  for (const Group& group : groups_) records += as_anchors(group.anchors).size();
  const bool all_fresh = std::all_of(groups_.begin(), groups_.end(),
                                     [](const Group& group) { return group.all_fresh; });
  if (!all_fresh || records > kOfferedRecordsMax) return;
  for (const Group& group : groups_) {
    const auto anchors = as_anchors(group.anchors);
    change.new_records.insert(change.new_records.end(), anchors.begin(), anchors.end());
  }
  std::sort(change.new_records.begin(), change.new_records.end());
}

// The rows of a group, read from its own segments, which must be on the store.
Result<SortedRows> Appender::read_back(const Group& group, const Schema& schema) {
  auto manifest = std::make_shared<Manifest>();
  manifest->schema = schema;
  std::map<FieldId, std::vector<Entry>> entries;
  for (const TrackSegment& segment : group.segments)
    entries[segment.track].push_back(segment.entry);
  // The pages are put like any others; without a version that names them they are garbage.
  std::vector<PutRequest> pages;
  for (const auto& [field, list] : entries) {
    DREAMDB_ASSIGN(Inserted inserted,
                   insert_entries(std::nullopt, field, list, dataset_.space().writer().nonce, {}));
    for (const NewPage& page : inserted.pages) pages.push_back({page_key(page.address), page.body});
    manifest->tracks.push_back(*inserted.root);
  }
  DREAMDB_TRY(dataset_.objects().put(pages));
  SortedRows rows;
  for (const std::string& name : group.fields) {
    DREAMDB_ASSIGN(const Field* field, schema.get(name));
    rows.fields.push_back(field);
  }
  const RowReader reader(dataset_.objects(), manifest);
  DREAMDB_ASSIGN(rows.batch, reader.read(group.anchors, rows.fields));
  DREAMDB_TRY(restore_same(group, rows));
  rows.skipped = group.skipped;
  return rows;
}

// A value that was equal to that of the base is in no segment of the group, and yet was given: when
// another writer has replaced it since, the record must not become a mixture of two rows.
Status Appender::restore_same(const Group& group, SortedRows& rows) {
  if (group.same.empty()) return {};
  const auto row_count = static_cast<uint32_t>(rows.rows());
  std::vector<uint32_t> held;
  for (uint32_t row = 0; row < row_count; ++row)
    if (std::any_of(group.same.begin(), group.same.end(), [&](const auto& c) { return c[row]; }))
      held.push_back(row);
  DREAMDB_ASSIGN(ManifestPtr base, dataset_.objects().manifest(group.base));
  const RowReader reader(dataset_.objects(), std::move(base));
  const Batch wanted = pick_rows(Batch{group.anchors, {}}, held);
  DREAMDB_ASSIGN(const Batch old, reader.read(wanted.anchors_bytes, rows.fields));
  for (size_t c = 0; c < rows.fields.size(); ++c) {
    std::vector<uint32_t> sources(row_count);
    std::iota(sources.begin(), sources.end(), uint32_t{0});
    for (uint32_t k = 0; k < held.size(); ++k)
      if (group.same[c][held[k]]) sources[held[k]] = row_count + k;
    const Batch both[] = {{group.anchors, {rows.batch.columns[c]}},
                          {old.anchors_bytes, {old.columns[c]}}};
    rows.batch.columns[c] = pick_rows(concat_batches(both).columns[0], sources);
  }
  return {};
}

Result<bool> Appender::goes_onto(const Tip& moved, const std::string& key) {
  if (!key.empty()) {
    DREAMDB_ASSIGN(const bool applied,
                   has_key(dataset_.objects(), *moved.manifest, key, given_rows()));
    if (applied) return false;
  }
  for (const Group& group : groups_) {
    if (!group.all_fresh || moved.manifest->schema != group.base_version->schema) return false;
    DREAMDB_ASSIGN(const auto taken,
                   find_taken(dataset_.objects(), *moved.manifest, as_anchors(group.anchors)));
    if (!taken.empty()) return false;
  }
  return true;
}

Result<bool> Appender::rebase(const Tip& moved, Change& change, const std::string& key) {
  if (!key.empty()) {
    DREAMDB_ASSIGN(const bool applied,
                   has_key(dataset_.objects(), *moved.manifest, key, given_rows()));
    if (applied) return false;
  }
  for (Group& group : groups_) {
    DREAMDB_TRY(check_interrupt());
    DREAMDB_ASSIGN(const auto taken,
                   find_taken(dataset_.objects(), *moved.manifest, as_anchors(group.anchors)));
    const bool new_schema = moved.manifest->schema != group.base_version->schema;
    if (taken.empty() && group.all_fresh && !new_schema) continue;
    // The group is read back from its own segments: they must be on the store by now.
    DREAMDB_TRY(dataset_.objects().put(change.objects));
    change.objects.clear();
    DREAMDB_ASSIGN(SortedRows rows, read_back(group, moved.manifest->schema));
    if (group.assigned && !taken.empty()) DREAMDB_TRY(assign(*moved.manifest, &group, rows));
    DREAMDB_ASSIGN(group, build_group(std::move(rows), group.assigned, moved));
    take_objects(group.segments, change.objects);
  }
  fill_change(change);
  return !change.entries.empty() || !change.ledger.empty();
}

Result<bool> Appender::commit_change(Change change, const std::string& key, AppendReport& report) {
  bool has_all = false;
  const auto on_moved = [&](const Tip& moved, Change& again) -> Result<bool> {
    DREAMDB_TRY(session_.may_publish());
    DREAMDB_ASSIGN(const bool go_on, rebase(moved, again, key));
    has_all = !go_on;
    if (has_all && !key.empty()) report.already_applied = true;
    return go_on;
  };
  // Another writer of this handle may have moved it since the groups were checked.
  const Tip tip = dataset_.tip();
  session_.before_upload(tip);
  DREAMDB_TRY(session_.may_publish());
  const bool stale = std::any_of(groups_.begin(), groups_.end(),
                                 [&](const Group& group) { return group.base != tip.address(); });
  if (stale) {
    DREAMDB_TRY(dataset_.objects().put(change.objects));
    change.objects.clear();
    DREAMDB_ASSIGN(const bool go_on, on_moved(tip, change));
    if (!go_on) return false;
  }
  const auto commutes = [&](const Tip& moved) -> Result<bool> {
    DREAMDB_TRY(session_.may_publish());
    return goes_onto(moved, key);
  };
  DREAMDB_TRY(dataset_.commit(std::move(change), on_moved, commutes));
  return !has_all;
}

uint64_t Appender::given_rows() const {
  uint64_t rows = 0;
  for (const Group& group : groups_) rows += group.counts.rows;
  return rows;
}

AppendReport Appender::applied_report(uint64_t rows) const {
  AppendReport report;
  report.rows = report.unchanged = rows;
  report.already_applied = true;
  report.manifest = dataset_.tip().address().text();
  return report;
}

Result<std::optional<AppendReport>> Appender::find_applied(const std::string& key,
                                                           uint64_t rows) const {
  if (key.empty()) return std::nullopt;
  DREAMDB_ASSIGN(const bool applied, has_key(dataset_.objects(), *dataset_.manifest(), key, rows));
  if (!applied) return std::nullopt;
  DREAMDB_TRY(dataset_.make_durable());
  return applied_report(rows);
}

Result<AppendReport> Appender::commit(const std::string& key) {
  Result<AppendReport> report = commit_groups(key);
  if (!report) look_at(report.error());
  drop();
  return report;
}

Result<AppendReport> Appender::commit_groups(const std::string& key) {
  const uint64_t rows = given_rows();
  DREAMDB_TRY(finish_work(0));
  DREAMDB_ASSIGN(const auto applied, find_applied(key, rows));
  if (applied) return *applied;
  AppendReport report;
  Change change;
  change.operation = "append";
  change.objects = std::move(unput_);
  unput_.clear();
  fill_change(change);
  if (!key.empty()) change.ledger = {ledger_entry(key, rows)};
  bool is_committed = false;
  if (!change.entries.empty() || !change.ledger.empty()) {
    DREAMDB_ASSIGN(is_committed, commit_change(std::move(change), key, report));
  }
  if (!is_committed) DREAMDB_TRY(dataset_.make_durable());
  if (report.already_applied) return applied_report(rows);
  for (const Group& group : groups_) {
    add_counts(report, group.counts);
    if (group.assigned)
      report.assigned.emplace_back(as_anchors(group.anchors).front(),
                                   as_anchors(group.anchors).back());
  }
  report.manifest = dataset_.tip().address().text();
  return report;
}

Entry ledger_entry(const std::string& key, uint64_t rows) {
  const Hash hash = blake3(std::as_bytes(std::span(key.data(), key.size())));
  uint64_t prefix = 0;
  for (size_t i = 0; i < 8; ++i) prefix = prefix << 8 | static_cast<uint8_t>(hash[i]);
  Entry entry;
  entry.first = entry.last = std::min(prefix, kAnchorMax);
  entry.step = 1;
  entry.rows = rows + 1;
  entry.child = Address{hash};
  entry.bytes = 0;
  return entry;
}

Result<bool> has_key(Objects& objects, const Manifest& manifest, const std::string& key,
                     uint64_t rows) {
  PageMap pages;
  const Entry wanted = ledger_entry(key, rows);
  DREAMDB_ASSIGN(const EntryPtr applied, find_ledger_entry(objects, manifest, wanted, pages));
  if (applied == nullptr || applied->rows == wanted.rows) return applied != nullptr;
  return fail(
      Code::kConflict,
      "idempotency key `" + printable(key) + "` was applied to " +
          std::to_string(applied->rows - 1) + " rows, and " + std::to_string(rows) +
          " come with it now: other rows, or the same in other commits; nothing of them was "
          "written. Repeat what was done before without a change, or take another key");
}

}  // namespace dreamdb
