// Any bytes as a segment object whose footer has the address asked for: the check of the whole
// passes or refuses, and each block decodes or is refused, its hash left out of account.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "format/segment_runs.h"

namespace {

using namespace dreamdb;

// A zstd frame may announce up to the limit of a block; the fuzzer need not wait for such ones.
constexpr uint64_t kRawBytesMax = 1 << 24;

template <typename T>
void judge(const Result<T>& result) {
  if (!result && result.error().code != Code::kCorruption) std::abort();
}

template <typename F>
void for_each_block(std::span<const std::byte> object, const Run& run, F decode) {
  for (size_t i = 0; i < run.blocks(); ++i) {
    if (run.raw_size(i) > kRawBytesMax || run.starts[i + 1] > object.size()) continue;
    decode(i, Buffer::copy_of(object.subspan(run.starts[i], run.sizes[i])));
  }
}

void decode_all(std::span<const std::byte> object, const Segment& s) {
  if (s.anchors)
    for_each_block(object, *s.anchors,
                   [&](size_t i, const Buffer& b) { judge(decode_anchors(s, i, b)); });
  if (s.index)
    for_each_block(object, *s.index,
                   [&](size_t i, const Buffer& b) { judge(decode_index(s, i, b)); });
  if (s.type == SegmentType::kBlob)
    for_each_block(object, s.payloads,
                   [&](size_t i, const Buffer& b) { judge(decode_payload(s, i, b)); });
  if (s.codes)
    for_each_block(object, s.codes->codes,
                   [&](size_t i, const Buffer& b) { judge(decode_codes(s, i, b)); });
  for (const ScalarColumn& c : s.columns) {
    if (c.valid)
      for_each_block(object, *c.valid,
                     [&](size_t i, const Buffer& b) { judge(decode_valid(s, c, i, b)); });
    if (c.dict)
      for_each_block(object, *c.dict,
                     [&](size_t, const Buffer& b) { judge(decode_dictionary(s, c, b)); });
    for_each_block(object, c.data,
                   [&](size_t i, const Buffer& b) { judge(decode_scalar(s, c, i, b)); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span object(reinterpret_cast<const std::byte*>(data), size);
  if (size < kSegmentTrailerBytes) {
    judge(parse_whole_segment(object, Address{}));
    return 0;
  }
  uint64_t footer_size;
  std::memcpy(&footer_size, data + size - kSegmentTrailerBytes, sizeof footer_size);
  if (footer_size > size - kSegmentTrailerBytes) footer_size = size - kSegmentTrailerBytes;
  const auto footer =
      object.subspan(size - kSegmentTrailerBytes - footer_size, static_cast<size_t>(footer_size));
  const Address address = Address::of(footer);
  const auto whole = parse_whole_segment(object, address);
  if (!whole && whole.error().code != Code::kCorruption && whole.error().code != Code::kUnsupported)
    std::abort();
  const auto segment = parse_segment_footer(footer, address);
  if (segment) decode_all(object, *segment);
  return 0;
}
