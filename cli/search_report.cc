#include "cli/search_report.h"

#include <array>
#include <cstdio>

#include "cli/json.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

std::string fixed(double value, int decimals) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

// Why no index was used.
std::string reason_text(const std::string& reason) {
  if (reason == "exact") return "--exact was given";
  if (reason == "no_index") return "the field has none (`dreamdb reindex` builds it)";
  if (reason == "other_distance") return "that of the field is for another distance";
  if (reason == "few_matches") return "few records match the filter";
  if (reason == "uncovered_rows") return "that of the field knows no row";
  return "there was nothing to find";
}

}  // namespace

std::string search_report_text(const SearchReport& report, size_t queries) {
  std::string text = "found: ";
  if (report.algorithm.empty()) {
    text += "by comparing " + counted(report.scanned, "row", "rows") +
            ", no index was used: " + reason_text(report.reason);
  } else {
    text += "by " + report.algorithm + " (covers " + fixed(100 * report.covered, 1) +
            " %): " + counted(report.probes, "cell", "cells") + " a query (recall@10 " +
            fixed(report.recall, 3) + " over all rows when it was built); " +
            counted(report.cells, "cell", "cells") + " with " +
            counted(report.codes, "code", "codes") + ", " +
            counted(report.candidates, "candidate", "candidates") + ", " +
            with_commas(report.reranked) + " reranked";
    if (report.scanned != 0)
      text += ", " + counted(report.scanned, "row", "rows") + " outside the index compared";
  }
  if (queries != 1) text += "; " + with_commas(queries) + " queries";
  return text + "; " + counted(report.requests, "request", "requests") + " in " +
         counted(report.waves, "wave", "waves") + ", " + with_commas(report.bytes) +
         " bytes; version " + report.manifest;
}

std::string search_report_json(const SearchReport& report, size_t queries) {
  OrderedJson out;
  out["manifest"] = report.manifest;
  out["algorithm"] = report.algorithm.empty() ? OrderedJson() : OrderedJson(report.algorithm);
  out["reason"] = report.reason.empty() ? OrderedJson() : OrderedJson(report.reason);
  out["covered"] = report.covered;
  out["queries"] = queries;
  out["probes"] = report.probes;
  out["recall"] = report.recall;
  out["cells"] = report.cells;
  out["codes"] = report.codes;
  out["candidates"] = report.candidates;
  out["reranked"] = report.reranked;
  out["scanned"] = report.scanned;
  out["seconds"] = {{"cells", report.seconds.cells},
                    {"codes", report.seconds.codes},
                    {"rows", report.seconds.rows},
                    {"fields", report.seconds.fields}};
  out["requests"] = report.requests;
  out["waves"] = report.waves;
  out["bytes"] = report.bytes;
  return json_line(OrderedJson{{"explain", out}});
}

}  // namespace dreamdb::cli
