// What the parts of the segment code share: layout constants, limits, and the runs by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/segment.h"

namespace dreamdb {

inline constexpr size_t kSegmentHeaderBytes = 64;
inline constexpr size_t kSegmentTrailerBytes = 16;
inline constexpr uint64_t kRunAlignment = 64;
inline constexpr uint32_t kSegmentVersionMax = 2;
inline constexpr std::string_view kSegmentMagic = "DREAMSEG";
inline constexpr std::string_view kTrailerMagic = "DREAMEND";

// Limits of spec 1.3.
inline constexpr uint64_t kFooterBytesMax = 16ull << 20;
inline constexpr uint64_t kSegmentBytesMax = 4ull << 30;
inline constexpr uint64_t kSegmentRowsMax = 1ull << 24;
inline constexpr uint64_t kBlockBytesMax = 1ull << 30;
inline constexpr uint64_t kScalarStringBytesMax = 1ull << 20;
inline constexpr uint64_t kMatrixRowBytesMax = 1ull << 30;
inline constexpr size_t kMatrixDimensionsMax = 32;
inline constexpr uint64_t kFieldsMax = 1024;
inline constexpr uint32_t kCodeBits = 8;  // at most, a dimension
inline constexpr size_t kRecallPointsMax = 64;

void write_segment_header(SegmentType type, std::span<std::byte, kSegmentHeaderBytes> out);

constexpr uint64_t align_run(uint64_t offset) {
  return (offset + kRunAlignment - 1) / kRunAlignment * kRunAlignment;
}

std::string_view segment_type_name(SegmentType type);
// `v` of the footer and of the header: the least that knows the type.
constexpr uint32_t segment_version(SegmentType type) {
  return type == SegmentType::kCodes || type == SegmentType::kSpatial ? 2 : 1;
}
// Whether it has values of records: anchors and rows of their own.
constexpr bool has_anchors(SegmentType type) { return segment_version(type) == 1; }

// Bytes of one row of a matrix, or nothing if a limit of spec 1.3 is exceeded.
std::optional<uint64_t> matrix_row_bytes(Dtype dtype, const std::vector<uint64_t>& shape);
// Rows in one block of a matrix.
uint64_t matrix_rows_per_block(uint64_t row_bytes);

// The dimensions of a code: a multiple of 64.
constexpr uint64_t code_dim(uint64_t dim) { return (dim + 63) / 64 * 64; }
// Bytes of one row of the runs `codes` and `extra`.
constexpr uint64_t code_row_bytes(uint64_t dim) { return code_dim(dim) / 8 + 20; }
constexpr uint64_t extra_row_bytes(uint64_t dim, uint64_t bits) {
  return code_dim(dim) / 8 * (bits - 1) + 12;
}
// Bytes of one row of the run `routes`.
constexpr uint64_t route_row_bytes(uint64_t dim) { return code_dim(dim) / 8 + 12; }
// Rows in one block of any of them.
uint64_t code_rows_per_block(uint64_t row_bytes);

// Corruption in the words of spec: "segments/<a>: <what>; restore the object from a copy".
std::unexpected<Error> segment_corrupt(const Address& address, std::string_view what);

// A run and what a message calls it: "anchors", "column 3 data".
struct NamedRun {
  const Run* run;
  std::string name;
};
// All runs of a segment in the order in which they stand in the object (spec 7.2).
std::vector<NamedRun> list_runs(const Segment& segment);

// The footer of a segment: the inverse of parse_segment_footer (segment_footer_write.cc).
std::vector<std::byte> write_segment_footer(const Segment& segment);

// segment_whole.cc, segment_whole_column.cc: parts of parse_whole_segment.
Buffer borrow_block(std::span<const std::byte> object, const Run& run, size_t block);
// Decodes every block of a column whose hashes are checked: rows without a value are blank, and the
// statistics are not narrower than the values.
Status check_whole_column(std::span<const std::byte> object, const Segment& segment,
                          const ScalarColumn& column);

// segment_codes.cc: rows in order, no anchor twice, factors that a query can be estimated by.
Status check_whole_codes(std::span<const std::byte> object, const Segment& segment);

// segment_spatial.cc: what the footer says of itself, and all floats.
Status check_spatial(const SpatialParts& spatial);
Status check_whole_spatial(std::span<const std::byte> object, const Segment& segment);

// Fills `starts` from `at` and `sizes`.
void compute_starts(Run& run);

// What a run is used for: fixes its items a block, its codecs and its raw sizes (spec 7.2 to 7.5).
enum class RunUse : uint8_t {
  kAnchors,
  kIndex,
  kPayloads,
  kBitmap,  // `valid`, and the data of bool columns
  kDict,
  kIntegers,  // int, timestamp
  kFloats,
  kDictIndexes,  // data of string columns with a dictionary
  kStrings,      // data of string columns without
  kMatrix,
  kCodes,  // and `extra`, `routes`
};

// How decode_block must read the items of a run.
Item run_item(RunUse use);
RunUse data_use(const ScalarColumn& column);

// segment_run_parse.cc: parts of parse_segment_footer. Their errors do not name the segment yet.
// Reads a run and checks all that does not depend on its use; fills `starts`.
Result<Run> parse_run(CborReader& in, std::string_view name);
// `items`: what the segment says the run must hold; `row_bytes`: of a matrix or of codes.
Status check_run_use(const Run& run, std::string_view name, RunUse use, uint64_t items,
                     uint64_t row_bytes = 0);
// segment_check.cc: what the parts of a footer must say of each other; fills `row_bytes`.
Status check_segment(Segment& segment, uint64_t footer_size);
Status check_code_shape(uint64_t dim, uint64_t bits);
std::unexpected<Error> footer_bad(std::string what);

}  // namespace dreamdb
