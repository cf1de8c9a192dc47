#include "cli/anchors.h"

#include <charconv>

#include "cli/line_reader.h"
#include "cli/text.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

namespace {

Result<uint64_t> parse_anchor(std::string_view text) {
  uint64_t anchor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), anchor);
  if (error != std::errc() || end != text.data() + text.size() || anchor > kAnchorMax) {
    return fail(Code::kInvalidArgument, "\"" + one_line(text, 60) +
                                            "\" is no anchor: expected a whole number from 0 to "
                                            "2^64-2");
  }
  return anchor;
}

}  // namespace

Status each_anchor(const std::vector<std::string>& given,
                   const std::function<Status(uint64_t)>& use) {
  if (given.size() != 1 || given[0] != "-") {
    for (const std::string& text : given) {
      DREAMDB_ASSIGN(const uint64_t anchor, parse_anchor(text));
      DREAMDB_TRY(use(anchor));
    }
    return {};
  }
  DREAMDB_ASSIGN(LineReader lines, LineReader::open("-"));
  while (true) {
    DREAMDB_ASSIGN(const auto line, lines.next());
    if (!line) return {};
    if (line->empty()) continue;
    const auto anchor = parse_anchor(*line);
    if (!anchor) return fail(anchor.error().code, lines.place() + ": " + anchor.error().message);
    DREAMDB_TRY(use(*anchor));
  }
}

}  // namespace dreamdb::cli
