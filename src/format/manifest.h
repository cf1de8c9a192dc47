// One version of a dataset (spec chapter 5).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address.h"
#include "dreamdb/schema.h"
#include "format/nonce.h"

namespace dreamdb {

// The root of a track's tree with the sums over it (spec 5.2).
struct Root {
  FieldId field{0};
  Address page;
  uint64_t page_size = 0;
  uint32_t height = 0;
  uint64_t first = 0, last = 0;
  uint64_t rows = 0, records = 0, segments = 0, bytes = 0;

  bool operator==(const Root&) const = default;
};

// The spatial index of an embedding field (spec 12.8).
struct FieldIndex {
  FieldId field{0};
  Address spatial;
  uint64_t size = 0, footer = 0;  // bytes of the object and of its footer
  std::optional<Root> codes;      // its code segments
  std::optional<Root> covered;    // segments of the field whose rows all have codes

  bool operator==(const FieldIndex&) const = default;
};

// What a tree of a version is for.
enum class TreeKind : uint8_t {
  kTrack,       // segments of a field, or of the record track
  kCodes,       // code segments of an index
  kCovered,     // segments of a track, as kTrack, of which an index has codes
  kLedger,      // idempotency keys: no objects
  kTombstones,  // segments of deleted anchors
  kReplaced,    // addresses of entries that were taken out of trees: no objects
};
// Whether the leaf entries of such a tree are segments.
constexpr bool names_segments(TreeKind kind) {
  return kind != TreeKind::kLedger && kind != TreeKind::kReplaced;
}
struct TreeOfVersion {
  TreeKind kind;
  const Root* root;
};

struct Ancestor {
  uint64_t depth = 0;
  Address manifest;
  bool operator==(const Ancestor&) const = default;
};

struct Manifest {
  Nonce nonce{};
  Address timeline;
  uint64_t generation = 0;
  uint64_t depth = 0;
  std::vector<Address> parents;
  std::vector<Ancestor> ancestors;
  Schema schema;
  std::vector<Root> tracks;         // ascending by field; empty tracks left out
  std::vector<FieldIndex> indexes;  // ascending by field
  std::optional<Root> ledger;
  std::vector<Root> tombstones;  // ascending by field; 0: of whole records, else of values
  std::optional<Root> replaced;
  std::string operation;
  std::string writer;
  WriteId write{};
  uint64_t time_ns = 0;
  std::map<std::string, std::string> meta;

  const Root* find_track(FieldId field) const;
  void set_track(const Root& root);
  const FieldIndex* find_index(FieldId field) const;
  const Root* find_tombstones(FieldId field) const;
  void set_tombstones(const Root& root);
  // All trees, each once: whoever follows, compares or keeps what a version has goes by this.
  std::vector<TreeOfVersion> trees() const;
  uint64_t record_count() const;  // records of track 0 that are not deleted
};

Result<Manifest> parse_manifest(std::span<const std::byte> bytes, std::string_view name);
// InvalidArgument when a limit of spec 1.3 is exceeded (user map, writer).
Result<Buffer> write_manifest(const Manifest& manifest);

// The jump list of a child of `parent`, which stands at `address` (spec 5.3).
std::vector<Ancestor> ancestors_of_child(const Manifest& parent, const Address& address);
// The element to fetch next on the way from `from` to its ancestor at `depth` < from.depth.
const Ancestor& ancestor_towards(const Manifest& from, uint64_t depth);

}  // namespace dreamdb
