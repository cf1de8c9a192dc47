// Any bytes as the footer of a segment: refused, or written back as the very same meaning.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "format/segment_runs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dreamdb;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto segment = parse_segment_footer(bytes, Address::of(bytes));
  if (!segment) {
    const Code code = segment.error().code;
    if (code != Code::kCorruption && code != Code::kUnsupported) std::abort();
    return 0;
  }
  const auto once = write_segment_footer(*segment);
  const auto again = parse_segment_footer(once, Address::of(once));
  if (!again || write_segment_footer(*again) != once) std::abort();
  // What later code computes from a footer stays inside the object.
  for (const NamedRun& named : list_runs(*segment)) {
    uint64_t items = 0;
    for (size_t i = 0; i < named.run->blocks(); ++i) items += named.run->block_items(i);
    if (items != named.run->items || named.run->end() > segment->end) std::abort();
  }
  return 0;
}
