#include "format/segment_runs.h"

#include <algorithm>

#include "base/assert.h"
#include "base/checked.h"

namespace dreamdb {

uint64_t Run::block_items(size_t block) const {
  DREAMDB_ASSERT(block < blocks());
  return std::min(per, items - block * per);
}

const ScalarColumn* Segment::find_column(FieldId id) const {
  const auto found = std::lower_bound(
      columns.begin(), columns.end(), id,
      [](const ScalarColumn& column, FieldId wanted) { return column.field < wanted; });
  return found != columns.end() && found->field == id ? &*found : nullptr;
}

std::string_view segment_type_name(SegmentType type) {
  switch (type) {
    case SegmentType::kScalar: return "scalar";
    case SegmentType::kBlob: return "blob";
    case SegmentType::kMatrix: return "matrix";
    case SegmentType::kCodes: return "codes";
    case SegmentType::kSpatial: return "spatial";
  }
  return "unknown";
}

std::optional<uint64_t> matrix_row_bytes(Dtype dtype, const std::vector<uint64_t>& shape) {
  if (shape.size() > kMatrixDimensionsMax) return std::nullopt;
  uint64_t bytes = dtype_size_bytes(dtype);
  bool empty = false;
  for (const uint64_t dimension : shape) {
    if (dimension == 0) {
      empty = true;
      continue;
    }
    const auto product = checked_mul(bytes, dimension);
    if (!product || *product > kMatrixRowBytesMax) return std::nullopt;
    bytes = *product;
  }
  return empty ? 0 : bytes;
}

uint64_t matrix_rows_per_block(uint64_t row_bytes) {
  if (row_bytes == 0) return 1;
  return std::max<uint64_t>(1, kMatrixBlockBytes / row_bytes);
}

uint64_t code_rows_per_block(uint64_t row_bytes) {
  return std::max<uint64_t>(8, kMatrixBlockBytes / row_bytes / 8 * 8);
}

std::string segment_key(const Address& address) { return "segments/" + address.text(); }

std::unexpected<Error> segment_corrupt(const Address& address, std::string_view what) {
  return fail(Code::kCorruption,
              segment_key(address) + ": " + std::string(what) + "; restore the object from a copy");
}

std::vector<NamedRun> list_runs(const Segment& segment) {
  std::vector<NamedRun> runs;
  if (segment.anchors) runs.push_back({&*segment.anchors, "anchors"});
  switch (segment.type) {
    case SegmentType::kScalar:
      for (const ScalarColumn& column : segment.columns) {
        const std::string name =
            "column " + std::to_string(static_cast<uint32_t>(column.field)) + " ";
        if (column.valid) runs.push_back({&*column.valid, name + "valid"});
        if (column.dict) runs.push_back({&*column.dict, name + "dict"});
        runs.push_back({&column.data, name + "data"});
      }
      break;
    case SegmentType::kBlob:
      if (segment.index) runs.push_back({&*segment.index, "index"});
      runs.push_back({&segment.payloads, "payloads"});
      break;
    case SegmentType::kMatrix: runs.push_back({&segment.data, "data"}); break;
    case SegmentType::kCodes:
      runs.push_back({&segment.codes->codes, "codes"});
      if (segment.codes->extra) runs.push_back({&*segment.codes->extra, "extra"});
      break;
    case SegmentType::kSpatial:
      runs.push_back({&segment.spatial->centroids, "centroids"});
      runs.push_back({&segment.spatial->routes, "routes"});
      break;
  }
  return runs;
}

void compute_starts(Run& run) {
  run.starts.resize(run.sizes.size() + 1);
  uint64_t start = run.at;
  for (size_t i = 0; i < run.sizes.size(); ++i) {
    run.starts[i] = start;
    start += run.sizes[i];
  }
  run.starts.back() = start;
}

}  // namespace dreamdb
