#include "cli/index_text.h"

#include <array>
#include <cstdio>

#include "cli/text.h"

namespace dreamdb::cli {

namespace {

// What users ask for; in between the index knows more.
constexpr std::array<double, 3> kShown = {0.9, 0.95, 0.99};

std::string three_decimals(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

}  // namespace

OrderedJson index_json(const IndexInfo& info) {
  OrderedJson out;
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
  out["recall"] = OrderedJson::array();
  for (const auto& [probes, recall] : info.recall)
    out["recall"].push_back({{"probes", probes}, {"recall", recall}});
  return out;
}

std::string recall_text(const IndexInfo& info) {
  std::string out;
  uint64_t last = 0;
  for (const double wanted : kShown) {
    for (const auto& [probes, recall] : info.recall) {
      if (recall < wanted) continue;
      if (probes != last) {
        out += (out.empty() ? "recall@10 " : ", ") + three_decimals(recall) + " with " +
               with_commas(probes);
        if (last == 0) out += " of " + with_commas(info.cells) + " cells";
      }
      last = probes;
      break;
    }
  }
  return out;
}

}  // namespace dreamdb::cli
