#include "upkeep/segment_rules.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "format/segment_runs.h"
#include "track/row_reader.h"

namespace dreamdb {

namespace {

std::unexpected<Error> wrong(const Segment& segment, const std::string& what) {
  return fail(Code::kCorruption, segment_key(segment.address) + ": " + what);
}

// A scalar segment beside the schema, and beside the statistics of its entry.
Status check_columns(const Segment& segment, const Entry& entry, const Schema& schema) {
  if (segment.type != SegmentType::kScalar)
    return wrong(segment, "is no scalar segment, in the record track (S7.8)");
  for (const ScalarColumn& column : segment.columns) {
    const Field* const field = schema.find(column.field);
    if (field == nullptr || field->type != column.type)
      return wrong(segment, "has a column of field " +
                                std::to_string(static_cast<uint32_t>(column.field)) +
                                " that is not as the schema describes it (S7.8)");
  }
  bool fits = entry.stats.size() == segment.stats.size();
  for (auto a = entry.stats.begin(), b = segment.stats.begin(); fits && a != entry.stats.end();
       ++a, ++b)
    fits = a->first == b->first && a->second.present == b->second.present;
  if (fits) return {};
  return wrong(segment, "has other columns than its entry has statistics (S6.6)");
}

Status check_values(const Segment& segment, const Field* field) {
  if (field != nullptr && is_matrix(field->type)) return check_matrix(segment, *field);
  if (field != nullptr && is_blob(field->type) && segment.type == SegmentType::kBlob &&
      segment.field == field->id)
    return {};
  return wrong(segment, "holds no values of the field whose track names it (S7.8)");
}

Status check_codes(const Segment& segment, const NamedSegment& named) {
  if (!segment.codes) return wrong(segment, "has no codes, in a track of codes (S7.8)");
  if (segment.rows != named.entry.rows)
    return wrong(segment, "has other rows than its page says (S6.6)");
  const CodeParts& codes = *segment.codes;
  if (segment.field != named.field || codes.spatial != named.index->spatial)
    return wrong(segment, "has codes of another field or index than its track (S12.9)");
  if (named.spatial != nullptr &&
      (codes.dim != named.spatial->dim || codes.bits != named.spatial->bits ||
       codes.cells.back() >= named.spatial->centroids.items))
    return wrong(segment, "has codes that do not fit their index (S12.9)");
  const Stats& stats = named.entry.stats;
  const auto own = stats.find(named.field);
  if (stats.size() != 1 || own == stats.end() || own->second.present != segment.rows ||
      own->second.min != Bound(int64_t{codes.cells.front()}) ||
      own->second.max != Bound(int64_t{codes.cells.back()}))
    return wrong(segment, "has other cells than the statistics of its entry say (S12.9)");
  return {};
}

Status check_spatial(const Segment& segment, const NamedSegment& named, const Field* field) {
  if (!segment.spatial) return wrong(segment, "is no spatial index (S12.9)");
  const bool fits = field != nullptr && field->type == FieldType::kEmbedding &&
                    segment.field == named.field && segment.spatial->dim == field->shape[0];
  return fits ? Status() : wrong(segment, "is no spatial index of this field (S12.9)");
}

Status check_anchors(const Segment& segment, const Entry& entry) {
  const bool is_list = segment.anchors.has_value();
  const bool fits =
      segment.rows == entry.rows &&
      (is_list ? entry.step == 0 : segment.step == entry.step && segment.first == entry.first);
  if (fits) return {};
  return wrong(segment, "has " + std::to_string(segment.rows) +
                            " rows and anchors other than its page says (" +
                            std::to_string(entry.rows) + " rows; S6.6)");
}

// The least and the greatest anchor that stand in the blocks.
Result<std::pair<uint64_t, uint64_t>> read_anchors(const Segment& segment,
                                                   std::span<const std::byte> object) {
  std::pair<uint64_t, uint64_t> out{UINT64_MAX, 0};
  const auto take = [&](std::span<const uint64_t> anchors) {
    const auto [least, greatest] = std::ranges::minmax(anchors);
    out = {std::min(out.first, least), std::max(out.second, greatest)};
  };
  const Run& run = segment.codes ? segment.codes->codes : *segment.anchors;
  for (size_t block = 0; block < run.blocks(); ++block) {
    const Buffer stored = borrow_block(object, run, block);
    if (segment.codes) {
      DREAMDB_ASSIGN(const Buffer raw, decode_codes(segment, block, stored));
      take(view_codes(segment, block, raw).anchors);
    } else {
      DREAMDB_ASSIGN(const Buffer raw, decode_anchors(segment, block, stored));
      take({reinterpret_cast<const uint64_t*>(raw.data()), raw.size() / sizeof(uint64_t)});
    }
  }
  return out;
}

Status check_ends(const Segment& segment, const Entry& entry, std::span<const std::byte> object) {
  if (!segment.codes && !segment.anchors) return {};
  DREAMDB_ASSIGN(const auto ends, read_anchors(segment, object));
  if (ends == std::pair(entry.first, entry.last)) return {};
  return wrong(segment, "has anchors from " + std::to_string(ends.first) + " to " +
                            std::to_string(ends.second) + ", other than its page says (S6.6)");
}

std::unexpected<Error> other_size(const Entry& entry) {
  return segment_corrupt(entry.child, "is not of " + std::to_string(entry.size) +
                                          " bytes, as its page says: it is cut or grown");
}

}  // namespace

ReadRequest footer_request(const Entry& entry) {
  const uint64_t size = entry.footer + kSegmentTrailerBytes;
  return {segment_key(entry.child), entry.size - size, size + 1};
}

ReadRequest whole_request(const Entry& entry) {
  return {segment_key(entry.child), 0, entry.size + 1};
}

Result<Segment> parse_footer_reply(const Entry& entry, std::span<const std::byte> bytes) {
  if (bytes.size() != entry.footer + kSegmentTrailerBytes) return other_size(entry);
  const auto trailer = bytes.last(kSegmentTrailerBytes);
  uint64_t footer;
  std::memcpy(&footer, trailer.data(), sizeof footer);
  if (footer != entry.footer ||
      std::memcmp(trailer.data() + sizeof footer, kTrailerMagic.data(), kTrailerMagic.size()) != 0)
    return segment_corrupt(entry.child, "does not end in the size of its footer and \"DREAMEND\"");
  DREAMDB_ASSIGN(Segment segment, parse_segment_footer(bytes.first(entry.footer), entry.child));
  if (segment.end != entry.size - bytes.size())
    return segment_corrupt(entry.child, "has its footer at another place than it says");
  return segment;
}

Result<Segment> parse_whole_reply(const Entry& entry, std::span<const std::byte> bytes) {
  if (bytes.size() != entry.size) return other_size(entry);
  DREAMDB_ASSIGN(Segment segment, parse_whole_segment(bytes, entry.child));
  if (bytes.size() - kSegmentTrailerBytes - segment.end != entry.footer)
    return segment_corrupt(entry.child, "has a footer of another size than its page says");
  return segment;
}

Status check_named(const Segment& segment, const NamedSegment& named, const Schema& schema,
                   std::span<const std::byte> object) {
  const Field* const field = schema.find(named.field);
  if (named.use == SegmentUse::kSpatial) return check_spatial(segment, named, field);
  if (named.use == SegmentUse::kCodes) {
    DREAMDB_TRY(check_codes(segment, named));
  } else {
    const bool has_columns = named.field == kRecordTrack || named.kind == TreeKind::kTombstones;
    DREAMDB_TRY(has_columns ? check_columns(segment, named.entry, schema)
                            : check_values(segment, field));
    DREAMDB_TRY(check_anchors(segment, named.entry));
  }
  return object.empty() ? Status() : check_ends(segment, named.entry, object);
}

}  // namespace dreamdb
