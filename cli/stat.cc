// `stat` and `meta`: what a dataset weighs, and the user's remarks on it.
#include <algorithm>

#include "cli/command.h"
#include "cli/index_text.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

struct StatOptions {
  std::string locator, at;
};

using Indexes = Result<std::vector<IndexInfo>>;

OrderedJson stat_json(const Dataset& dataset, const DatasetStat& stat, const Indexes& indexes) {
  OrderedJson out;
  out["locator"] = dataset.locator();
  out["manifest"] = dataset.manifest();
  out["timeline"] = dataset.timeline();
  out["records"] = stat.records;
  out["deleted"] = stat.deleted;
  out["first_anchor"] = stat.records == 0 ? OrderedJson() : OrderedJson(stat.first_anchor);
  out["last_anchor"] = stat.records == 0 ? OrderedJson() : OrderedJson(stat.last_anchor);
  out["bytes"] = stat.bytes;
  out["commits"] = stat.commits;
  out["manifest_bytes"] = stat.manifest_bytes;
  out["tracks"] = OrderedJson::array();
  for (const TrackStat& track : stat.tracks) {
    OrderedJson one;
    one["name"] = track.name;
    one["type"] = track.type;
    one["rows"] = track.rows;
    one["segments"] = track.segments;
    one["bytes"] = track.bytes;
    one["height"] = track.height;
    out["tracks"].push_back(std::move(one));
  }
  out["indexes"] = indexes ? OrderedJson::array() : OrderedJson();
  for (const IndexInfo& info : indexes.value_or(std::vector<IndexInfo>()))
    out["indexes"].push_back(index_json(info));
  return out;
}

Status print_indexes(const std::vector<IndexInfo>& indexes, Session& session) {
  if (indexes.empty()) return {};
  Table table(
      {"index", "algorithm", ">cells", ">bits", ">codes", ">uncovered", ">bytes", "recall"});
  for (const IndexInfo& info : indexes) {
    table.add({one_line(info.field), info.algorithm, with_commas(info.cells),
               std::to_string(info.bits), with_commas(info.codes), with_commas(info.uncovered),
               with_commas(info.bytes), recall_text(info)});
  }
  return session.out.write("\n" + table.text());
}

// A damaged index is told of last: what could be said is said.
Status fault_of(const Indexes& indexes) {
  return indexes ? Status() : std::unexpected(indexes.error());
}

Status run_stat(const StatOptions& o, Session& session) {
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  DREAMDB_ASSIGN(const DatasetStat stat, dataset.stat());
  const Indexes indexes = dataset.indexes();
  if (session.json) {
    DREAMDB_TRY(session.out.line(json_line(stat_json(dataset, stat, indexes))));
    return fault_of(indexes);
  }
  Table head({"dataset", dataset.locator()});
  head.add({"version", dataset.manifest()});
  head.add({"timeline", dataset.timeline()});
  head.add({"records", with_commas(stat.records)});
  if (stat.deleted != 0) head.add({"deleted", with_commas(stat.deleted)});
  if (stat.records != 0) {
    head.add(
        {"anchors", std::to_string(stat.first_anchor) + " to " + std::to_string(stat.last_anchor)});
  }
  head.add({"data", human_bytes(stat.bytes) + " (" + with_commas(stat.bytes) + " bytes)"});
  head.add({"commits", with_commas(stat.commits)});
  head.add({"manifest", with_commas(stat.manifest_bytes) + " bytes"});
  DREAMDB_TRY(session.out.write(head.text() + "\n"));
  Table tracks({"track", "type", ">rows", ">segments", ">bytes", ">tree height"});
  for (const TrackStat& track : stat.tracks) {
    tracks.add({one_line(track.name), track.type, with_commas(track.rows),
                with_commas(track.segments), with_commas(track.bytes),
                std::to_string(track.height)});
  }
  DREAMDB_TRY(session.out.write(tracks.text()));
  if (indexes) DREAMDB_TRY(print_indexes(*indexes, session));
  return fault_of(indexes);
}

struct MetaOptions {
  std::string locator, at, action, key;
  std::optional<std::string> value;
};

Status change_meta(const MetaOptions& o, Session& session) {
  if (o.key.empty() || (o.action == "set") != o.value.has_value()) {
    return fail(Code::kInvalidArgument,
                "expected `meta LOCATOR set KEY VALUE` or `meta LOCATOR "
                "remove KEY`");
  }
  DREAMDB_ASSIGN(Dataset dataset, open_dataset(session, o.locator, o.at));
  if (o.action == "set") {
    DREAMDB_TRY(dataset.set_meta(o.key, *o.value));
  } else {
    const auto meta = dataset.meta();
    if (std::none_of(meta.begin(), meta.end(),
                     [&](const auto& pair) { return pair.first == o.key; }))
      return fail(Code::kNotFound, "there is no meta key `" + one_line(o.key, 80) +
                                       "`; `dreamdb meta LOCATOR` shows those there are");
    DREAMDB_TRY(dataset.remove_meta(o.key));
  }
  if (session.json) {
    return session.out.line(
        json_line(OrderedJson{{"locator", dataset.locator()}, {"manifest", dataset.manifest()}}));
  }
  return session.out.line("version " + dataset.manifest());
}

Status run_meta(const MetaOptions& o, Session& session) {
  if (!o.action.empty()) return change_meta(o, session);
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  OrderedJson object = OrderedJson::object();
  Table table({"key", "value"});
  for (const auto& [key, value] : dataset.meta()) {
    object[key] = value;
    table.add({one_line(key), one_line(value, 200)});
  }
  return session.json ? session.out.line(json_line(object)) : session.out.write(table.text());
}

}  // namespace

void add_stat(CLI::App& app, Session& session) {
  auto o = std::make_shared<StatOptions>();
  Command command = add_command(app, session, "stat", "records, bytes, segments by field; indexes",
                                "", "  dreamdb stat ./pets");
  add_locator(command, o->locator);
  add_at(command, o->at);
  on_run(command, session, o, run_stat);
}

void add_meta(CLI::App& app, Session& session) {
  auto o = std::make_shared<MetaOptions>();
  Command command = add_command(
      app, session, "meta", "show, set or remove remarks (a small map of texts)",
      "`meta LOCATOR` shows them, `meta LOCATOR set KEY VALUE` and `meta LOCATOR remove KEY`\n"
      "change them; each change is a version.",
      "  dreamdb meta ./pets set license CC-BY-4.0\n  dreamdb meta ./pets");
  add_locator(command, o->locator);
  command.add_option("ACTION", o->action, "set or remove").one_of({"set", "remove"}).type_name("");
  command.add_option("KEY", o->key, "the key");
  command.add_option("VALUE", o->value, "its new value");
  add_at(command, o->at);
  on_run(command, session, o, run_meta);
}

}  // namespace dreamdb::cli
