#include "bench/sparse_segment.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "bench/data.h"
#include "format/segment_runs.h"

namespace dreamdb::bench {

namespace {

constexpr Nonce kNonce{std::byte{1}};

Hash hash_of_zeros(size_t size) { return blake3(std::vector<std::byte>(size)); }

Status write_at(int file, const std::string& path, uint64_t offset,
                std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (wrote <= 0)
      return fail(Code::kUnavailable, "cannot write " + path + ": " + std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(wrote));
    offset += static_cast<uint64_t>(wrote);
  }
  return {};
}

}  // namespace

SparseSegment::SparseSegment(SegmentType type, FieldId field, uint64_t rows) {
  segment_.nonce = kNonce;
  segment_.type = type;
  segment_.field = field;
  segment_.rows = rows;
  segment_.end = kSegmentHeaderBytes;
}

SparseSegment SparseSegment::of_records(uint64_t first, uint64_t rows) {
  SparseSegment out(SegmentType::kScalar, kRecordTrack, rows);
  out.segment_.step = kAnchorStep;
  out.segment_.first = out.first_ = first * kAnchorStep;
  out.last_ = (first + rows - 1) * kAnchorStep;
  return out;
}

SparseSegment SparseSegment::of_vectors(FieldId field, uint64_t first, uint64_t rows) {
  SparseSegment out = of_records(first, rows);
  out.segment_.type = SegmentType::kMatrix;
  out.segment_.field = field;
  out.segment_.dtype = Dtype::kF32;
  out.segment_.shape = {kDim};
  out.lay_out(out.segment_.data, matrix_rows_per_block(kVectorBytes), kVectorBytes);
  return out;
}

SparseSegment SparseSegment::of_codes(FieldId field, const Address& spatial, uint32_t first_cell,
                                      uint32_t cells, uint32_t cell_rows, uint64_t first,
                                      uint64_t last) {
  SparseSegment out(SegmentType::kCodes, field, uint64_t{cells} * cell_rows);
  CodeParts& parts = out.segment_.codes.emplace();
  parts.spatial = spatial;
  parts.dim = kDim;
  parts.cells.resize(cells);
  std::iota(parts.cells.begin(), parts.cells.end(), first_cell);
  for (uint32_t i = 1; i <= cells; ++i) parts.ends.push_back(i * cell_rows);
  ColumnStats range;
  range.present = out.rows();
  range.min = int64_t{parts.cells.front()};
  range.max = int64_t{parts.cells.back()};
  out.stats_ = {{field, range}};
  out.first_ = first;
  out.last_ = last;
  const uint64_t row_bytes = code_row_bytes(kDim);
  out.lay_out(parts.codes, code_rows_per_block(row_bytes), row_bytes);
  return out;
}

void SparseSegment::lay_out(Run& run, uint64_t per, uint64_t row_bytes) {
  static const Hash kFullMatrix = hash_of_zeros(kMatrixBlockBytes);
  run.at = kSegmentHeaderBytes;
  run.items = rows();
  run.per = per;
  for (uint64_t row = 0; row < rows(); row += per)
    run.sizes.push_back(static_cast<uint32_t>(std::min(per, rows() - row) * row_bytes));
  const Hash full = run.sizes[0] == kMatrixBlockBytes ? kFullMatrix : hash_of_zeros(run.sizes[0]);
  run.hashes.assign(run.blocks(), full);
  if (run.sizes.back() != run.sizes[0]) run.hashes.back() = hash_of_zeros(run.sizes.back());
  compute_starts(run);
  segment_.end = align_run(run.end());
}

uint64_t SparseSegment::rows_per_block() const { return run().per; }

uint64_t SparseSegment::rows_in_block(size_t block) const { return run().block_items(block); }

std::span<std::byte> SparseSegment::block(size_t index) {
  const auto [at, is_new] = blocks_.try_emplace(index);
  if (is_new) at->second.resize(run().sizes[index]);
  return at->second;
}

Entry SparseSegment::finish() {
  Run& hashed = segment_.codes ? segment_.codes->codes : segment_.data;
  for (const auto& [index, bytes] : blocks_) hashed.hashes[index] = blake3(bytes);
  footer_ = write_segment_footer(segment_);
  Entry entry;
  entry.first = first_;
  entry.last = last_;
  entry.step = segment_.step;
  entry.rows = entry.records = rows();
  entry.child = segment_.address = Address::of(footer_);
  entry.footer = footer_.size();
  entry.size = entry.bytes = segment_.end + footer_.size() + kSegmentTrailerBytes;
  entry.stats = stats_;
  return entry;
}

Status SparseSegment::write(const std::string& folder) const {
  const std::string path = folder + "/" + segment_key(segment_.address);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return fail(Code::kUnavailable, "cannot make " + path + ": " + strerror(errno));
  std::array<std::byte, kSegmentHeaderBytes> header;
  write_segment_header(segment_.type, header);
  const uint64_t footer_size = footer_.size();
  std::vector<std::byte> ending = footer_;
  const auto add = [&](std::span<const std::byte> bytes) {
    ending.insert(ending.end(), bytes.begin(), bytes.end());
  };
  add(std::as_bytes(std::span(&footer_size, 1)));
  add(std::as_bytes(std::span(kTrailerMagic)));
  Status status = write_at(file, path, 0, header);
  if (status) status = write_at(file, path, segment_.end, ending);
  for (const auto& [index, bytes] : blocks_)
    if (status) status = write_at(file, path, run().starts[index], bytes);
  ::close(file);
  return status;
}

}  // namespace dreamdb::bench
