#include "upkeep/segment_probe.h"

#include <string>

namespace dreamdb {

namespace {

bool is_about_segment(Code code) { return code == Code::kCorruption || code == Code::kNotFound; }

}  // namespace

Result<std::vector<ProbedSegment>> probe_segments(Store& store, const Schema& schema,
                                                  std::span<const NamedSegment> segments,
                                                  const std::vector<bool>& whole) {
  std::vector<ProbedSegment> out(segments.size());
  std::vector<size_t> asked(segments.size());
  for (size_t i = 0; i < asked.size(); ++i) asked[i] = i;
  // Each number of `asked` once: no two threads write to one place.
  const auto read = [&] {
    std::vector<ReadRequest> requests;
    for (const size_t i : asked)
      requests.push_back(whole[i] ? whole_request(segments[i].entry)
                                  : footer_request(segments[i].entry));
    const auto judge = [&](size_t k, std::span<const std::byte> bytes) {
      const size_t i = asked[k];
      out[i].bytes = bytes.size();
      const Entry& entry = segments[i].entry;
      out[i].found = whole[i] ? parse_whole_reply(entry, bytes) : parse_footer_reply(entry, bytes);
      if (out[i].found)
        out[i].fits = check_named(*out[i].found, segments[i], schema,
                                  whole[i] ? bytes : std::span<const std::byte>());
      return true;
    };
    const auto replies = store.read_each(requests, judge);
    for (size_t k = 0; k < asked.size(); ++k)
      if (!replies[k]) out[asked[k]].found = std::unexpected(replies[k].error());
  };
  read();
  std::vector<std::string> doubtful;
  std::vector<size_t> again;
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i].found || out[i].found.error().code != Code::kCorruption) continue;
    doubtful.push_back(segment_key(segments[i].entry.child));
    again.push_back(i);
  }
  if (!again.empty()) {
    store.forget(doubtful);
    asked = std::move(again);
    read();
  }
  for (const ProbedSegment& probed : out)
    if (!probed.found && !is_about_segment(probed.found.error().code))
      return std::unexpected(probed.found.error());
  return out;
}

}  // namespace dreamdb
