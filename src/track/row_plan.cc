// Finding the segments and rows that hold wanted anchors: the first half of a read.
#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "track/row_reader.h"

namespace dreamdb {

namespace {

// Of a segment, or of its entry, whose anchors are a sequence.
template <typename T>
Buffer sequence_anchors(const T& sequence) {
  MutableBuffer out(sequence.rows * 8);
  auto* anchors = reinterpret_cast<uint64_t*>(out.data());
  for (uint64_t i = 0; i < sequence.rows; ++i) anchors[i] = sequence.first + i * sequence.step;
  return std::move(out).freeze();
}

// The anchor list of a segment from its stored blocks.
Result<Buffer> join_anchor_blocks(const Segment& segment, const Buffer& stored) {
  const Run& run = *segment.anchors;
  MutableBuffer out(segment.rows * 8);
  size_t at = 0;
  for (size_t block = 0; block < run.blocks(); ++block) {
    DREAMDB_ASSIGN(
        const Buffer raw,
        decode_anchors(segment, block, stored.slice(run.starts[block] - run.at, run.sizes[block])));
    std::memcpy(out.data() + at, raw.data(), raw.size());
    at += raw.size();
  }
  const auto* anchors = reinterpret_cast<const uint64_t*>(out.data());
  for (uint64_t i = run.per; i < segment.rows; i += run.per)
    if (anchors[i] <= anchors[i - 1])
      return fail(Code::kCorruption, segment_key(segment.address) +
                                         ": anchors do not ascend from block to block; restore "
                                         "the object from a copy");
  return std::move(out).freeze();
}

std::span<const uint64_t> as_anchors(const Buffer& buffer) {
  return {reinterpret_cast<const uint64_t*>(buffer.data()), buffer.size() / 8};
}

uint64_t run_rows(const std::vector<MatchRun>& runs) {
  uint64_t rows = 0;
  for (const MatchRun& run : runs) rows += run.len;
  return rows;
}

// Of blocks [first, first + count) when they are decoded.
uint64_t raw_bytes(const Run& run, size_t first, size_t count) {
  if (run.raws.empty()) return run.starts[first + count] - run.starts[first];
  return std::accumulate(run.raws.begin() + static_cast<ptrdiff_t>(first),
                         run.raws.begin() + static_cast<ptrdiff_t>(first + count), uint64_t{0});
}

// About the payloads of the matched rows of one wide track.
uint64_t payload_bytes(const TrackMatch& track) {
  uint64_t bytes = 0;
  for (const SegmentMatch& match : track.segments) {
    const Segment& s = match.segment->segment;
    if (s.type != SegmentType::kBlob) continue;  // a matrix is counted by the field
    if (s.index) {
      bytes += raw_bytes(s.payloads, 0, s.payloads.blocks()) / s.rows * run_rows(match.runs);
    } else {
      for (const MatchRun& run : match.runs) bytes += raw_bytes(s.payloads, run.row, run.len);
    }
  }
  return bytes;
}

// About the texts of the matched rows: a word of a dictionary counts for each row that has it.
uint64_t text_bytes(const TrackMatch& track, const Field& field) {
  uint64_t bytes = 0;
  for (const SegmentMatch& match : track.segments) {
    const ScalarColumn* column = match.segment->segment.find_column(field.id);
    if (column == nullptr) continue;
    const Run& run = column->dict ? *column->dict : column->data;
    bytes +=
        raw_bytes(run, 0, run.blocks()) / std::max<uint64_t>(1, run.items) * run_rows(match.runs);
  }
  return bytes;
}

FieldType type_of(const RowPlan& plan, FieldId id) {
  return (*std::ranges::find(plan.fields, id, &Field::id))->type;
}

Status check_track(const Segment& segment, FieldId track) {
  if (segment.field == track) return {};
  return fail(Code::kCorruption, segment_key(segment.address) +
                                     ": belongs to another track than the page that names it");
}

// Leaves every anchor of a wide track to its newest segment, and adds up what is to be read.
void finish_plan(RowPlan& plan) {
  const size_t wanted = plan.anchor_span().size();
  for (const Field* field : plan.fields) {
    if (is_matrix(field->type)) plan.bytes += wanted * field->row_bytes();
    if (is_scalar(field->type)) plan.bytes += wanted * 8;
  }
  for (TrackMatch& track : plan.tracks) {
    if (track.field == kRecordTrack) {
      for (const Field* field : plan.fields)
        if (is_string(field->type)) plan.bytes += text_bytes(track, *field);
      continue;
    }
    if (is_scalar(type_of(plan, track.field))) continue;
    std::vector<std::vector<MatchRun>> lists;
    for (SegmentMatch& match : track.segments) lists.push_back(std::move(match.runs));
    keep_newest(lists, wanted);
    for (size_t i = 0; i < lists.size(); ++i) track.segments[i].runs = std::move(lists[i]);
    std::erase_if(track.segments, [](const SegmentMatch& m) { return m.runs.empty(); });
    plan.bytes += payload_bytes(track);
  }
}

void take_out(const std::vector<bool>& marks, TrackMatch& track) {
  for (SegmentMatch& match : track.segments) take_out(marks, match.runs);
  std::erase_if(track.segments, [](const SegmentMatch& match) { return match.runs.empty(); });
}

// Of the wanted anchors: those that have a tombstone, by field, 0 of whole records.
using Deleted = std::map<FieldId, std::vector<bool>>;

// Leaves nothing of what is deleted in the plan.
void take_out_deleted(const Deleted& deleted, RowPlan& plan) {
  const auto whole = deleted.find(kRecordTrack);
  if (whole != deleted.end()) {
    take_out(whole->second, plan.records);
    for (TrackMatch& track : plan.tracks) take_out(whole->second, track);
  }
  const auto find_track = [&plan](FieldId id) {
    return std::ranges::find(plan.tracks, id, &TrackMatch::field);
  };
  for (const Field* field : plan.fields) {
    const auto values = deleted.find(field->id);
    if (values == deleted.end()) continue;
    if (is_scalar(field->type)) {
      const auto records = find_track(kRecordTrack);
      if (records == plan.tracks.end()) continue;
      plan.tracks.push_back({field->id, records->segments});
    }
    if (const auto track = find_track(field->id); track != plan.tracks.end())
      take_out(values->second, *track);
  }
}

}  // namespace

Result<std::vector<std::vector<EntryPtr>>> find_in_trees(Objects& objects,
                                                         std::span<const Root* const> roots,
                                                         std::span<const uint64_t> anchors,
                                                         PageMap& pages) {
  for (;;) {
    std::vector<std::vector<EntryPtr>> entries;
    std::vector<PageRef> missing;
    for (const Root* root : roots) {
      DREAMDB_ASSIGN(Found found, find_entries(*root, anchors, pages));
      missing.insert(missing.end(), found.missing.begin(), found.missing.end());
      entries.push_back(std::move(found.entries));
    }
    if (missing.empty()) return entries;
    DREAMDB_TRY(objects.pages(missing, pages));
  }
}

Result<Buffer> anchors_of(Objects& objects, const EntryPtr& entry) {
  if (entry->step > 0) return sequence_anchors(*entry);
  DREAMDB_ASSIGN(const auto segments, objects.segments({&entry, 1}));
  DREAMDB_ASSIGN(auto lists, anchor_lists(objects, segments));
  return std::move(lists[0]);
}

Result<std::vector<Buffer>> anchor_lists(Objects& objects, std::span<const SegmentPtr> segments) {
  std::vector<Buffer> out(segments.size());
  std::vector<Extent> extents;
  std::vector<size_t> asked;
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& s = segments[i]->segment;
    if (!s.anchors) {
      out[i] = sequence_anchors(s);
    } else if (auto cached = objects.caches().find<Buffer>({s.address, Part::kAnchors})) {
      out[i] = *cached;
    } else {
      extents.push_back({segments[i], &*s.anchors, 0, s.anchors->blocks()});
      asked.push_back(i);
    }
  }
  DREAMDB_ASSIGN(const std::vector<Buffer> stored, objects.extents(extents));
  for (size_t k = 0; k < asked.size(); ++k) {
    const Segment& s = segments[asked[k]]->segment;
    DREAMDB_ASSIGN(out[asked[k]], join_anchor_blocks(s, stored[k]));
    objects.caches().keep<Buffer>({s.address, Part::kAnchors},
                                  std::make_shared<const Buffer>(out[asked[k]]),
                                  out[asked[k]].size());
  }
  return out;
}

Result<std::vector<SegmentMatch>> match_entries(Objects& objects, std::span<const EntryPtr> entries,
                                                std::span<const uint64_t> wanted,
                                                const std::function<bool(const Entry&)>& load) {
  // Sequences are matched from the page alone, so a segment without a wanted row is never read.
  std::vector<SegmentMatch> matches;
  std::vector<EntryPtr> needed;
  std::vector<size_t> needed_at;
  for (const EntryPtr& entry : entries) {
    SegmentMatch match{entry, nullptr, {}};
    if (entry->step > 0) {
      match.runs = match_rows(*entry, {}, wanted);
      if (match.runs.empty()) continue;
    }
    if (entry->step == 0 || load(*entry)) {
      needed.push_back(entry);
      needed_at.push_back(matches.size());
    }
    matches.push_back(std::move(match));
  }
  DREAMDB_ASSIGN(const std::vector<SegmentPtr> segments, objects.segments(needed));
  std::vector<SegmentPtr> listed;
  std::vector<size_t> listed_at;
  for (size_t i = 0; i < needed.size(); ++i) {
    matches[needed_at[i]].segment = segments[i];
    if (needed[i]->step == 0) {
      listed.push_back(segments[i]);
      listed_at.push_back(needed_at[i]);
    }
  }
  DREAMDB_ASSIGN(const std::vector<Buffer> lists, anchor_lists(objects, listed));
  for (size_t k = 0; k < listed.size(); ++k) {
    SegmentMatch& match = matches[listed_at[k]];
    match.runs = match_rows(*match.entry, as_anchors(lists[k]), wanted);
  }
  std::erase_if(matches, [](const SegmentMatch& match) { return match.runs.empty(); });
  std::stable_sort(
      matches.begin(), matches.end(),
      [](const SegmentMatch& a, const SegmentMatch& b) { return a.entry->seq < b.entry->seq; });
  return matches;
}

Result<RowPlan> RowReader::plan(Buffer anchors, std::span<const Field* const> fields,
                                bool find_records) const {
  RowPlan plan;
  plan.anchors = std::move(anchors);
  plan.fields.assign(fields.begin(), fields.end());
  const std::span<const uint64_t> wanted = plan.anchor_span();
  if (wanted.empty()) return plan;
  const auto scalars = static_cast<size_t>(std::count_if(
      fields.begin(), fields.end(), [](const Field* f) { return is_scalar(f->type); }));
  std::vector<const Root*> roots;
  const auto need = [&](FieldId track) {
    for (const Root* root : roots)
      if (root->field == track) return;
    if (const Root* root = manifest_->find_track(track)) roots.push_back(root);
  };
  if (find_records) need(kRecordTrack);
  for (const Field* field : fields) need(is_scalar(field->type) ? kRecordTrack : field->id);
  const size_t tracks = roots.size();  // tombstones come behind them
  for (const Root& root : manifest_->tombstones)
    if (tracks > 0 &&
        (root.field == kRecordTrack || std::ranges::count(fields, root.field, &Field::id) > 0))
      roots.push_back(&root);
  PageMap pages;
  DREAMDB_ASSIGN(const auto entries, find_in_trees(objects_, roots, wanted, pages));
  // One call for all trees, so that footers and anchor lists are one wave each. Trees of tombstones
  // that were written at once may share pages.
  std::vector<EntryPtr> all;
  std::unordered_map<const Entry*, std::vector<size_t>> trees_of;
  for (size_t t = 0; t < roots.size(); ++t)
    for (const EntryPtr& entry : entries[t]) {
      std::vector<size_t>& trees = trees_of[entry.get()];
      if (trees.empty()) all.push_back(entry);
      trees.push_back(t);
    }
  DREAMDB_ASSIGN(std::vector<SegmentMatch> matches,
                 match_entries(objects_, all, wanted, [&](const Entry& entry) {
                   const size_t t = trees_of.at(&entry).front();
                   return t < tracks && (scalars > 0 || roots[t]->field != kRecordTrack);
                 }));
  for (size_t t = 0; t < tracks; ++t) plan.tracks.push_back({roots[t]->field, {}});
  Deleted deleted;
  for (SegmentMatch& match : matches) {
    std::optional<size_t> in_track;
    for (const size_t t : trees_of.at(match.entry.get())) {
      if (t < tracks) {
        in_track = t;
        continue;
      }
      std::vector<bool>& marks = deleted[roots[t]->field];
      marks.resize(wanted.size());
      for (const MatchRun& run : match.runs) std::fill_n(marks.begin() + run.pos, run.len, true);
    }
    if (!in_track) continue;
    TrackMatch& track = plan.tracks[*in_track];
    if (track.field == kRecordTrack && match.entry->records > 0 && find_records)
      plan.records.insert(plan.records.end(), match.runs.begin(), match.runs.end());
    if (match.segment == nullptr) continue;
    DREAMDB_TRY(check_track(match.segment->segment, track.field));
    track.segments.push_back(std::move(match));
  }
  std::sort(plan.records.begin(), plan.records.end(),
            [](const MatchRun& a, const MatchRun& b) { return a.pos < b.pos; });
  take_out_deleted(deleted, plan);
  finish_plan(plan);
  return plan;
}

Result<RowPlan> plan_of_entries(Objects& objects, FieldId track, std::span<const EntryPtr> entries,
                                Buffer anchors, std::span<const Field* const> fields) {
  RowPlan plan;
  plan.anchors = std::move(anchors);
  plan.fields.assign(fields.begin(), fields.end());
  plan.tracks.push_back({track, {}});
  DREAMDB_ASSIGN(plan.tracks[0].segments, match_entries(objects, entries, plan.anchor_span(),
                                                        [](const Entry&) { return true; }));
  for (const SegmentMatch& match : plan.tracks[0].segments)
    DREAMDB_TRY(check_track(match.segment->segment, track));
  finish_plan(plan);
  return plan;
}

Result<Batch> RowReader::read(Buffer anchors, std::span<const Field* const> fields) const {
  DREAMDB_ASSIGN(const RowPlan row_plan, plan(std::move(anchors), fields));
  return fetch(row_plan);
}

Result<std::vector<MatchRun>> find_records(Objects& objects, const Manifest& manifest,
                                           std::span<const uint64_t> anchors) {
  PageMap pages;
  return find_records(objects, manifest, anchors, pages);
}

Result<std::vector<MatchRun>> find_records(Objects& objects, const Manifest& manifest,
                                           std::span<const uint64_t> anchors, PageMap& pages) {
  const Root* root = manifest.find_track(kRecordTrack);
  std::vector<MatchRun> runs;
  if (root == nullptr || anchors.empty()) return runs;
  DREAMDB_ASSIGN(Found found, with_pages(objects, pages, [&](const PageMap& have) {
                   return find_entries(*root, anchors, have);
                 }));
  std::erase_if(found.entries, [](const EntryPtr& entry) { return entry->records == 0; });
  DREAMDB_ASSIGN(const auto matches, match_entries(objects, found.entries, anchors,
                                                   [](const Entry&) { return false; }));
  for (const SegmentMatch& match : matches)
    runs.insert(runs.end(), match.runs.begin(), match.runs.end());
  std::sort(runs.begin(), runs.end(),
            [](const MatchRun& a, const MatchRun& b) { return a.pos < b.pos; });
  return runs;
}

}  // namespace dreamdb
