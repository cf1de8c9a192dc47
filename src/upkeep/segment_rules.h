// What a segment must be where a version names it (spec S6.5, S6.6, S7.8, S12.9).
//
// Thread rule: pure functions.
#pragma once

#include <span>

#include "format/segment.h"
#include "object/objects.h"
#include "upkeep/page_rules.h"

namespace dreamdb {

// An entry of a tree, or the spatial index of a field.
struct NamedSegment {
  Entry entry;  // of a spatial index: child, size and footer alone
  SegmentUse use = SegmentUse::kValues;
  TreeKind kind = TreeKind::kTrack;
  FieldId field{0};
  const FieldIndex* index = nullptr;      // of codes
  const SpatialParts* spatial = nullptr;  // of codes: their index, where it could be read
};

// What is asked of the store to judge a segment by its footer: that and all behind it, and a byte
// that must not be there.
ReadRequest footer_request(const Entry& entry);
// The whole object, and a byte that must not be there.
ReadRequest whole_request(const Entry& entry);

// Corruption: the bytes that were read so are not those of the segment that the entry names.
Result<Segment> parse_footer_reply(const Entry& entry, std::span<const std::byte> bytes);
Result<Segment> parse_whole_reply(const Entry& entry, std::span<const std::byte> bytes);

// Corruption: the segment is not what the schema and what names it say. `object`: its bytes, whose
// anchors are looked at too; empty when only the footer was read.
Status check_named(const Segment& segment, const NamedSegment& named, const Schema& schema,
                   std::span<const std::byte> object);

}  // namespace dreamdb
