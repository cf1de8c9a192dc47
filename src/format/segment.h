// Segments: values of a track for a set of anchors, in blocks verified one by one (spec 7).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address.h"
#include "codec/pack.h"
#include "dreamdb/batch.h"
#include "format/nonce.h"
#include "format/page.h"
#include "format/stats.h"

namespace dreamdb {

inline constexpr uint64_t kAnchorsPerBlock = 4096;
inline constexpr uint64_t kScalarRowsPerBlock = 4096;
inline constexpr uint64_t kIndexRowsPerBlock = 4096;
inline constexpr uint64_t kMatrixBlockBytes = 16 * 1024;
inline constexpr uint64_t kSegmentTargetBytes = 64ull << 20;
inline constexpr uint64_t kScalarRowsMax = 131'072;
inline constexpr uint64_t kBlobRowsMax = 16'384;

enum class SegmentType : uint32_t { kScalar = 1, kBlob = 2, kMatrix = 3, kCodes = 4, kSpatial = 5 };

// A sequence of blocks without gaps (spec 7.1).
struct Run {
  uint64_t at = 0;
  uint64_t items = 0;
  uint64_t per = 1;
  std::vector<uint32_t> sizes;  // stored bytes of each block
  std::vector<uint32_t> raws;   // raw bytes; empty: all codecs are raw
  std::vector<Codec> codecs;    // empty: all raw
  std::vector<Hash> hashes;
  std::vector<uint64_t> starts;  // computed: offset of each block in the object, and the end

  size_t blocks() const { return sizes.size(); }
  uint64_t end() const { return starts.back(); }
  uint64_t block_items(size_t block) const;
  Codec codec(size_t block) const { return codecs.empty() ? Codec::kRaw : codecs[block]; }
  uint64_t raw_size(size_t block) const { return raws.empty() ? sizes[block] : raws[block]; }
};

struct ScalarColumn {
  FieldId field{0};
  FieldType type = FieldType::kInt;
  std::optional<Run> valid;
  std::optional<Run> dict;
  Run data;
};

// What a segment of codes has besides (spec 12.7). Its rows stand in the order of (cell, anchor).
struct CodeParts {
  Address spatial;
  uint32_t dim = 0;
  uint32_t bits = 1;
  std::vector<uint32_t> cells;  // those that have rows, ascending
  std::vector<uint32_t> ends;   // of each: the row behind its last
  Run codes;
  std::optional<Run> extra;  // bits above 1
};

struct RecallPoint {
  uint32_t probes = 0;    // cells read
  uint32_t permille = 0;  // recall@10 measured then
  bool operator==(const RecallPoint&) const = default;
};

// The parameters of an index over one field (spec 12.6).
struct SpatialParts {
  std::string algorithm;
  uint32_t dim = 0;
  uint32_t bits = 1;
  double level_scale = 0;       // bits above 1
  std::vector<uint64_t> signs;  // [4 * D / 64]
  std::vector<float> origin;    // [D]
  Run centroids;                // f32[cells, dim]
  Run routes;                   // one-bit codes of the centroids
  uint64_t trained = 0;         // rows
  double spread = 0;            // mean square distance of them to their centroid
  std::vector<RecallPoint> recall;
};

// The footer of a segment, parsed and checked: all that is needed to find and verify each block.
struct Segment {
  Address address;
  Nonce nonce{};
  SegmentType type = SegmentType::kScalar;
  FieldId field{0};
  uint64_t rows = 0;
  uint64_t first = 0, step = 0;         // arithmetic anchors when step > 0
  std::optional<Run> anchors;           // else
  uint64_t end = 0;                     // footer_at
  std::vector<ScalarColumn> columns;    // scalar
  Stats stats;                          // scalar
  Run payloads;                         // blob
  std::optional<Run> index;             // blob
  Dtype dtype = Dtype::kF32;            // matrix
  std::vector<uint64_t> shape;          // matrix
  uint64_t row_bytes = 0;               // matrix
  Run data;                             // matrix
  std::optional<CodeParts> codes;       // codes; its anchors stand in the blocks
  std::optional<SpatialParts> spatial;  // spatial: no rows, no anchors

  const ScalarColumn* find_column(FieldId field) const;
};

// The key of a segment: "segments/" and its address.
std::string segment_key(const Address& address);

// Checks the footer against the address and the spec. Corruption names the address.
Result<Segment> parse_segment_footer(std::span<const std::byte> footer, const Address& address);
// Checks header, padding, trailer and every block of a whole object; the same as above besides.
Result<Segment> parse_whole_segment(std::span<const std::byte> object, const Address& address);

// Compares one stored block with its hash. Corruption names segment, run and block.
Status verify_block(const Segment& segment, const Run& run, size_t block,
                    std::span<const std::byte> stored);

// Decoders of one verified block into raw form; each checks what S7.3 demands. All but payloads
// come back aligned to 8 bytes, copied only if `stored` is not. Anchors ascend within the block:
// that they do so from one block to the next (S7.4) is for the caller to check.
Result<Buffer> decode_anchors(const Segment& segment, size_t block, const Buffer& stored);  // u64[]
Result<Buffer> decode_index(const Segment& segment, size_t block, const Buffer& stored);    // u32[]
Result<Buffer> decode_payload(const Segment& segment, size_t block, const Buffer& stored);
Result<Buffer> decode_valid(const Segment& segment, const ScalarColumn& column, size_t block,
                            const Buffer& stored);  // bitmap
// Raw block of the column's data run: i64[], f64[], bitmap, u32[] indexes or offsets and bytes.
Result<Buffer> decode_scalar(const Segment& segment, const ScalarColumn& column, size_t block,
                             const Buffer& stored);
struct Dictionary {
  Buffer raw;  // keeps the words alive
  std::vector<std::string_view> words;
};
Result<Dictionary> decode_dictionary(const Segment& segment, const ScalarColumn& column,
                                     const Buffer& stored);

// A block of codes that was decoded, seen in place.
struct CodeBlock {
  std::span<const uint64_t> bits;  // [rows, D / 64]
  std::span<const uint64_t> anchors;
  std::span<const float> add, scale, error;
};
// Aligned to 8 bytes; checks what S12.7 demands.
Result<Buffer> decode_codes(const Segment& segment, size_t block, const Buffer& stored);
CodeBlock view_codes(const Segment& segment, size_t block, const Buffer& raw);

// A block of `extra` that was decoded, seen in place: the lower bits of each dimension's level,
// rows one behind the other, bits - 1 of them a dimension.
struct ExtraBlock {
  std::span<const std::byte> levels;  // [rows, D (bits - 1) / 8]
  std::span<const float> add, scale, error;
};
// As decode_codes.
Result<Buffer> decode_extra(const Segment& segment, size_t block, const Buffer& stored);
ExtraBlock view_extra(const Segment& segment, size_t block, const Buffer& raw);

// A block of routes that was decoded, seen in place.
struct RouteBlock {
  std::span<const uint64_t> bits;  // [rows, D / 64]
  std::span<const float> add, scale, error;
};
// Aligned to 8 bytes; checks what S12.4 demands.
Result<Buffer> decode_centroids(const Segment& segment, size_t block, const Buffer& stored);
Result<Buffer> decode_routes(const Segment& segment, size_t block, const Buffer& stored);
RouteBlock view_routes(const Segment& segment, size_t block, const Buffer& raw);

// A segment ready to be put: `object` at `segments/<address>`, and its leaf entry with `seq` and
// `records` still 0 (records: rows for wide tracks; the caller sets it for track 0).
struct BuiltSegment {
  Buffer object;
  Entry entry;
};

// anchors: u64[rows], strictly ascending, none 2^64-1. All values present.
// matrix: [rows, row_bytes].
Result<BuiltSegment> build_matrix_segment(const Nonce& nonce, FieldId field,
                                          std::span<const uint64_t> anchors, Dtype dtype,
                                          const std::vector<uint64_t>& shape,
                                          std::span<const std::byte> matrix);
// payloads: one a row; equal ones are stored once. `compress`: try zstd (text).
Result<BuiltSegment> build_blob_segment(const Nonce& nonce, FieldId field,
                                        std::span<const uint64_t> anchors,
                                        std::span<const Buffer> payloads, bool compress);
// columns: scalar columns of equal length with their field ids, ascending; may have nulls; a
// column without any value is left out. No column at all: a segment of anchors only.
struct ScalarInput {
  FieldId field;
  const Column* column;
};
Result<BuiltSegment> build_scalar_segment(const Nonce& nonce, std::span<const uint64_t> anchors,
                                          std::span<const ScalarInput> columns);

// Rows in the order of (cell, anchor), no anchor twice.
struct CodeRows {
  std::span<const uint32_t> cells;  // of each row
  std::span<const uint64_t> anchors;
  std::span<const uint64_t> bits;  // [rows, D / 64], D: dim padded to a multiple of 64
  std::span<const float> add, scale, error;
  // bits above 1: all bits of each dimension, and the factors that go with them.
  std::span<const uint8_t> levels;  // [rows, D]
  std::span<const float> extra_add, extra_scale, extra_error;
};
Result<BuiltSegment> build_code_segment(const Nonce& nonce, FieldId field, const Address& spatial,
                                        uint32_t dim, uint32_t bits, const CodeRows& rows);

// Of the entry only address and sizes have a meaning. `parts`: without runs.
// centroids: [cells, dim]; bits: [cells, D / 64], the routes'.
struct SpatialRows {
  std::span<const float> centroids;
  std::span<const uint64_t> bits;
  std::span<const float> add, scale, error;
};
Result<BuiltSegment> build_spatial_segment(const Nonce& nonce, FieldId field, SpatialParts parts,
                                           const SpatialRows& rows);
// What `SpatialParts::algorithm` may be; and the same as a list for messages.
std::span<const std::string_view> spatial_algorithms();
std::string spatial_algorithm_names();

}  // namespace dreamdb
