// Checks a whole segment object: frame, padding, every block, and what blocks say of each other.
#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "format/segment_runs.h"

namespace dreamdb {
namespace {

// The object and its parsed footer; blocks are borrowed slices.
class WholeCheck {
 public:
  WholeCheck(std::span<const std::byte> object, const Segment& segment)
      : object_(object), segment_(segment) {}

  Status run() const {
    DREAMDB_TRY(check_header());
    DREAMDB_TRY(check_padding());
    for (const NamedRun& named : list_runs(segment_))
      for (size_t i = 0; i < named.run->blocks(); ++i)
        DREAMDB_TRY(verify_block(segment_, *named.run, i, stored(*named.run, i).span()));
    DREAMDB_TRY(check_anchors());
    switch (segment_.type) {
      case SegmentType::kScalar:
        for (const ScalarColumn& column : segment_.columns)
          DREAMDB_TRY(check_whole_column(object_, segment_, column));
        return {};
      case SegmentType::kBlob: return check_blob();
      case SegmentType::kMatrix: return check_matrix();
      case SegmentType::kCodes: return check_whole_codes(object_, segment_);
      case SegmentType::kSpatial: return check_whole_spatial(object_, segment_);
    }
    return {};
  }

 private:
  Buffer stored(const Run& run, size_t block) const { return borrow_block(object_, run, block); }
  std::unexpected<Error> bad(std::string_view what) const {
    return segment_corrupt(segment_.address, what);
  }

  Status check_header() const;
  Status check_padding() const;
  Status check_zero(uint64_t from, uint64_t to) const;
  Status check_anchors() const;
  Status check_blob() const;
  Status check_matrix() const;

  std::span<const std::byte> object_;
  const Segment& segment_;
};

Status WholeCheck::check_header() const {
  std::array<std::byte, kSegmentHeaderBytes> expected{};
  write_segment_header(segment_.type, expected);
  if (std::ranges::equal(object_.first(kSegmentHeaderBytes), expected)) return {};
  return bad("the header is not that of a " + std::string(segment_type_name(segment_.type)) +
             " segment of version " + std::to_string(segment_version(segment_.type)));
}

Status WholeCheck::check_zero(uint64_t from, uint64_t to) const {
  for (uint64_t i = from; i < to; ++i)
    if (object_[i] != std::byte{0})
      return bad("the padding byte at " + std::to_string(i) + " is not zero");
  return {};
}

Status WholeCheck::check_padding() const {
  uint64_t end = kSegmentHeaderBytes;
  for (const NamedRun& named : list_runs(segment_)) {
    DREAMDB_TRY(check_zero(end, named.run->at));
    end = named.run->end();
  }
  return check_zero(end, segment_.end);
}

Status WholeCheck::check_anchors() const {
  if (!segment_.anchors) return {};
  std::optional<uint64_t> last;
  for (size_t i = 0; i < segment_.anchors->blocks(); ++i) {
    DREAMDB_ASSIGN(const Buffer raw, decode_anchors(segment_, i, stored(*segment_.anchors, i)));
    uint64_t first;
    std::memcpy(&first, raw.data(), sizeof first);
    if (last && *last >= first)
      return bad("anchors do not ascend from block " + std::to_string(i - 1) + " to the next");
    last.emplace();
    std::memcpy(&*last, raw.data() + raw.size() - sizeof *last, sizeof *last);
  }
  return {};
}

Status WholeCheck::check_blob() const {
  if (segment_.index)
    for (size_t i = 0; i < segment_.index->blocks(); ++i) {
      DREAMDB_ASSIGN(const Buffer index, decode_index(segment_, i, stored(*segment_.index, i)));
    }
  const auto hash_of = [](const Hash& hash) { return std::hash<Address>()(Address{hash}); };
  std::unordered_set<Hash, decltype(hash_of)> seen(segment_.payloads.blocks(), hash_of);
  for (size_t i = 0; i < segment_.payloads.blocks(); ++i) {
    DREAMDB_ASSIGN(const Buffer raw, decode_payload(segment_, i, stored(segment_.payloads, i)));
    const bool as_stored = segment_.payloads.codec(i) == Codec::kRaw;
    if (!seen.insert(as_stored ? segment_.payloads.hashes[i] : blake3(raw.span())).second)
      return bad("payload " + std::to_string(i) + " equals one before it");
  }
  return {};
}

Status WholeCheck::check_matrix() const {
  if (segment_.dtype != Dtype::kBool) return {};
  for (uint64_t i = segment_.data.at; i < segment_.data.end(); ++i)
    if (object_[i] > std::byte{1})
      return bad("the bool at offset " + std::to_string(i) + " is neither 0 nor 1");
  return {};
}

}  // namespace

void write_segment_header(SegmentType type, std::span<std::byte, kSegmentHeaderBytes> out) {
  const auto number = static_cast<uint32_t>(type);
  std::memset(out.data(), 0, out.size());
  std::memcpy(out.data(), kSegmentMagic.data(), kSegmentMagic.size());
  const uint32_t version = segment_version(type);
  std::memcpy(out.data() + 8, &version, sizeof version);
  std::memcpy(out.data() + 12, &number, sizeof number);
}

Buffer borrow_block(std::span<const std::byte> object, const Run& run, size_t block) {
  return {nullptr, object.data() + run.starts[block], run.sizes[block]};
}

Result<Segment> parse_whole_segment(std::span<const std::byte> object, const Address& address) {
  constexpr size_t kFrame = kSegmentHeaderBytes + kSegmentTrailerBytes;
  if (object.size() < kFrame || object.size() > kSegmentBytesMax)
    return segment_corrupt(address, "an object of " + std::to_string(object.size()) +
                                        " bytes, expected 80 bytes to 4 GiB");
  const auto trailer = object.last(kSegmentTrailerBytes);
  uint64_t footer_size;
  std::memcpy(&footer_size, trailer.data(), sizeof footer_size);
  if (std::memcmp(trailer.data() + 8, kTrailerMagic.data(), kTrailerMagic.size()) != 0)
    return segment_corrupt(address, "does not end in \"DREAMEND\": it is cut or overwritten");
  if (footer_size > object.size() - kFrame)
    return segment_corrupt(address, "the trailer announces a footer of " +
                                        std::to_string(footer_size) + " bytes in an object of " +
                                        std::to_string(object.size()));
  const uint64_t footer_at = object.size() - kSegmentTrailerBytes - footer_size;
  DREAMDB_ASSIGN(Segment segment,
                 parse_segment_footer(object.subspan(footer_at, footer_size), address));
  if (segment.end != footer_at)
    return segment_corrupt(address, "the footer begins at " + std::to_string(footer_at) +
                                        ", and says it begins at " + std::to_string(segment.end));
  DREAMDB_TRY(WholeCheck(object, segment).run());
  return segment;
}

}  // namespace dreamdb
