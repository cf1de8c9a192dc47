// `log` and `diff`: how versions came about and how they differ.
#include <algorithm>

#include "cli/command.h"
#include "cli/text.h"
#include "cli/time_text.h"

namespace dreamdb::cli {

namespace {

struct LogOptions {
  std::string locator, at;
  uint64_t limit = UINT64_MAX;
};

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

Status run_log(const LogOptions& o, Session& session) {
  DREAMDB_ASSIGN(const Dataset dataset, open_dataset(session, o.locator, o.at));
  DREAMDB_ASSIGN(HistoryStream history, dataset.history());
  for (uint64_t i = 0; i < o.limit; ++i) {
    DREAMDB_ASSIGN(const std::optional<CommitInfo> commit, history.next());
    if (!commit && history.collected() && !session.json)
      return session.out.line("the history before was collected");
    if (!commit) break;
    const std::string time = iso_time(static_cast<int64_t>(commit->time_ns));
    if (session.json) {
      OrderedJson out;
      out["manifest"] = commit->manifest;
      out["generation"] = commit->generation;
      out["time_ns"] = commit->time_ns;
      out["time"] = time;
      out["records"] = commit->records;
      out["operation"] = commit->operation;
      out["writer"] = commit->writer;
      out["parents"] = commit->parents;
      out["tracks"] = commit->tracks;
      DREAMDB_TRY(session.out.line(json_line(out)));
    } else {
      // Columns of fixed width: the list is a stream, its widest row is not known yet.
      DREAMDB_TRY(session.out.line(commit->manifest + "  " + padded(time, 30) + "  " +
                                   padded(one_line(commit->operation), 10) + "  " +
                                   padded(with_commas(commit->records) + " records", 16) + "  #" +
                                   std::to_string(commit->generation)));
    }
  }
  return {};
}

struct DiffOptions {
  std::string left, right, left_at, right_at;
};

OrderedJson diff_json(const DiffReport& diff) {
  OrderedJson out;
  out["left"] = diff.left;
  out["right"] = diff.right;
  out["common_ancestor"] =
      diff.common_ancestor.empty() ? OrderedJson() : OrderedJson(diff.common_ancestor);
  out["commits_left"] = diff.commits_left;
  out["commits_right"] = diff.commits_right;
  out["records_left"] = diff.records_left;
  out["records_right"] = diff.records_right;
  out["records_only_left"] = diff.records_only_left;
  out["records_only_right"] = diff.records_only_right;
  out["fields"] = OrderedJson::array();
  for (const FieldDiff& field : diff.fields) {
    OrderedJson one;
    one["name"] = field.name;
    one["change"] = field.change;
    one["rows_only_left"] = field.rows_only_left;
    one["rows_only_right"] = field.rows_only_right;
    out["fields"].push_back(std::move(one));
  }
  out["meta_changed"] = diff.meta_changed;
  return out;
}

std::string diff_text(const DiffReport& diff) {
  Table versions({"", "left", "right"});
  versions.add({"version", diff.left, diff.right});
  versions.add(
      {"commits since ancestor", with_commas(diff.commits_left), with_commas(diff.commits_right)});
  versions.add({"records", with_commas(diff.records_left), with_commas(diff.records_right)});
  versions.add({"records only here", with_commas(diff.records_only_left),
                with_commas(diff.records_only_right)});
  std::string text = versions.text();
  text +=
      "common ancestor: " + (diff.common_ancestor.empty() ? "none" : diff.common_ancestor) + "\n\n";
  Table fields({"field", "change", ">rows only left", ">rows only right"});
  for (const FieldDiff& field : diff.fields) {
    fields.add({one_line(field.name), field.change, with_commas(field.rows_only_left),
                with_commas(field.rows_only_right)});
  }
  text += fields.text();
  for (const std::string& key : diff.meta_changed) text += "meta differs: " + one_line(key) + "\n";
  return text;
}

Status run_diff(const DiffOptions& o, Session& session) {
  DREAMDB_ASSIGN(const Dataset left, open_dataset(session, o.left, o.left_at));
  DREAMDB_ASSIGN(const Dataset right, open_dataset(session, o.right, o.right_at));
  DREAMDB_ASSIGN(const DiffReport diff, left.diff(right));
  return session.json ? session.out.line(json_line(diff_json(diff)))
                      : session.out.write(diff_text(diff));
}

}  // namespace

void add_log(CLI::App& app, Session& session) {
  auto o = std::make_shared<LogOptions>();
  Command command = add_command(app, session, "log", "versions, newest first",
                                "One request for each line; the list is streamed.",
                                "  dreamdb log ./pets -n 10\n"
                                "  dreamdb log ./pets@try-1 --json | head -1");
  add_locator(command, o->locator);
  command.add_whole_number("--limit,-n", o->limit, "at most so many");
  add_at(command, o->at);
  on_run(command, session, o, run_log);
}

void add_diff(CLI::App& app, Session& session) {
  auto o = std::make_shared<DiffOptions>();
  Command command =
      add_command(app, session, "diff", "how two versions differ, by field and count", "",
                  "  dreamdb diff ./pets@main ./pets@try-1\n"
                  "  dreamdb diff ./pets ./pets --left-at 2026-01-02");
  command.add_option("LEFT", o->left, "one locator").required();
  command.add_option("RIGHT", o->right, "the other").required();
  command.add_option("--left-at", o->left_at, "version of LEFT, as --at of other commands");
  command.add_option("--right-at", o->right_at, "version of RIGHT");
  on_run(command, session, o, run_diff);
}

}  // namespace dreamdb::cli
