#include "reports.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace dreamdb::python {

nb::dict to_dict(const CommitInfo& info) {
  nb::dict out;
  out["manifest"] = info.manifest;
  out["ts_ns"] = info.time_ns;
  out["writer"] = info.writer;
  out["parents_count"] = info.parents.size();
  out["tracks_count"] = info.tracks;
  out["operation"] = info.operation;
  out["generation"] = info.generation;
  out["records"] = info.records;
  out["parents"] = info.parents;
  return out;
}

nb::dict to_dict(const RefInfo& ref) {
  nb::dict out;
  out["name"] = ref.name;
  out["manifest"] = ref.manifest;
  out["snapshot"] = ref.snapshot;
  out["ts_ns"] = ref.time_ns;
  return out;
}

nb::dict to_dict(const DiffReport& report) {
  nb::dict fields;
  for (const FieldDiff& field : report.fields) {
    nb::dict one;
    one["change"] = field.change;
    one["rows_only_left"] = field.rows_only_left;
    one["rows_only_right"] = field.rows_only_right;
    fields[field.name.c_str()] = one;
  }
  nb::dict out;
  out["left"] = report.left;
  out["right"] = report.right;
  out["common_ancestor"] =
      report.common_ancestor.empty() ? nb::object(nb::none()) : nb::cast(report.common_ancestor);
  out["commits_left"] = report.commits_left;
  out["commits_right"] = report.commits_right;
  out["records_left"] = report.records_left;
  out["records_right"] = report.records_right;
  out["records_only_left"] = report.records_only_left;
  out["records_only_right"] = report.records_only_right;
  out["fields"] = fields;
  out["meta_changed"] = report.meta_changed;
  return out;
}

nb::dict to_dict(const MergeReport& report) {
  const auto or_none = [](const std::string& text) {
    return text.empty() ? nb::object(nb::none()) : nb::cast(text);
  };
  nb::dict rows;
  for (const auto& [field, number] : report.rows) rows[field.c_str()] = number;
  nb::list conflicts;
  for (const MergeConflict& conflict : report.conflicts) {
    nb::dict one;
    one["anchor"] = conflict.anchor;
    one["field"] = conflict.field;
    one["target"] = conflict.target;
    one["source"] = conflict.source;
    one["source_manifest"] = conflict.source_manifest;
    conflicts.append(one);
  }
  nb::dict out;
  out["outcome"] = report.outcome;
  out["target"] = report.target;
  out["sources"] = report.sources;
  out["common_ancestor"] = or_none(report.common_ancestor);
  out["manifest"] = or_none(report.manifest);
  out["records"] = report.records;
  out["deleted"] = report.deleted;
  out["deleted_values"] = report.deleted_values;
  out["rows"] = rows;
  out["segments"] = report.segments;
  out["keys"] = report.keys;
  out["fields_added"] = report.fields_added;
  out["meta_changed"] = report.meta_changed;
  out["conflicts"] = conflicts;
  out["more_conflicts"] = report.more_conflicts;
  out["meta_conflicts"] = report.meta_conflicts;
  return out;
}

nb::dict to_dict(const DeleteReport& report) {
  nb::dict out;
  out["deleted"] = report.deleted;
  out["unchanged"] = report.unchanged;
  out["missing"] = report.missing;
  out["manifest"] = report.manifest;
  return out;
}

nb::dict to_dict(const DatasetStat& stat) {
  nb::list tracks;
  for (const TrackStat& track : stat.tracks) {
    nb::dict one;
    one["name"] = track.name;
    one["type"] = track.type;
    one["rows"] = track.rows;
    one["segments"] = track.segments;
    one["bytes"] = track.bytes;
    one["height"] = track.height;
    tracks.append(one);
  }
  nb::dict out;
  out["records"] = stat.records;
  out["deleted"] = stat.deleted;
  out["first_anchor"] = stat.first_anchor;
  out["last_anchor"] = stat.last_anchor;
  out["bytes"] = stat.bytes;
  out["commits"] = stat.commits;
  out["manifest_bytes"] = stat.manifest_bytes;
  out["tracks"] = tracks;
  return out;
}

nb::dict to_dict(const StoreStats& stats) {
  nb::dict out;
  out["gets"] = stats.gets;
  out["puts"] = stats.puts;
  out["loads"] = stats.loads;
  out["swaps"] = stats.swaps;
  out["lists"] = stats.lists;
  out["deletes"] = stats.deletes;
  out["bytes_read"] = stats.bytes_read;
  out["bytes_written"] = stats.bytes_written;
  out["waves"] = stats.waves;
  out["cache_hits"] = stats.cache_hits;
  out["cache_misses"] = stats.cache_misses;
  out["cache_bytes_read"] = stats.cache_bytes_read;
  out["cache_bytes_written"] = stats.cache_bytes_written;
  out["cache_damaged"] = stats.cache_damaged;
  out["sent_gets"] = stats.sent_gets;
  out["sent_puts"] = stats.sent_puts;
  out["sent_swaps"] = stats.sent_swaps;
  out["sent_lists"] = stats.sent_lists;
  out["sent_deletes"] = stats.sent_deletes;
  out["retries"] = stats.retries;
  out["hedges"] = stats.hedges;
  out["bytes_received"] = stats.bytes_received;
  out["bytes_sent"] = stats.bytes_sent;
  return out;
}

nb::dict to_dict(const SearchReport& report) {
  nb::dict out;
  out["manifest"] = report.manifest;
  out["algorithm"] = report.algorithm.empty() ? nb::object(nb::none()) : nb::cast(report.algorithm);
  out["reason"] = report.reason.empty() ? nb::object(nb::none()) : nb::cast(report.reason);
  out["covered"] = report.covered;
  out["probes"] = report.probes;
  out["recall"] = report.recall;
  out["cells"] = report.cells;
  out["codes"] = report.codes;
  out["candidates"] = report.candidates;
  out["reranked"] = report.reranked;
  out["scanned"] = report.scanned;
  nb::dict seconds;
  seconds["cells"] = report.seconds.cells;
  seconds["codes"] = report.seconds.codes;
  seconds["rows"] = report.seconds.rows;
  seconds["fields"] = report.seconds.fields;
  out["seconds"] = seconds;
  out["requests"] = report.requests;
  out["waves"] = report.waves;
  out["bytes"] = report.bytes;
  return out;
}

nb::dict to_dict(const IndexInfo& info) {
  nb::dict out;
  out["field"] = info.field;
  out["algorithm"] = info.algorithm;
  out["address"] = info.address;
  out["cells"] = info.cells;
  out["bits"] = info.bits;
  out["trained"] = info.trained;
  out["segments"] = info.segments;
  out["codes"] = info.codes;
  out["uncovered"] = info.uncovered;
  out["bytes"] = info.bytes;
  out["recall"] = info.recall;
  return out;
}

nb::dict to_dict(const CompactReport& report) {
  nb::list tracks;
  for (const CompactedTrack& track : report.tracks) {
    nb::dict one;
    one["name"] = track.name;
    one["codes"] = track.is_codes;
    one["segments"] = track.segments;
    one["segments_read"] = track.segments_read;
    one["segments_written"] = track.segments_written;
    one["bytes_read"] = track.bytes_read;
    one["bytes_written"] = track.bytes_written;
    one["rows_read"] = track.rows_read;
    one["rows_written"] = track.rows_written;
    tracks.append(one);
  }
  nb::dict out;
  out["manifest"] = report.manifest;
  out["commits"] = report.commits;
  out["given_up"] = report.given_up;
  out["tracks"] = tracks;
  return out;
}

}  // namespace dreamdb::python
