#include "index/sample.h"

#include <cstring>

#include "simd/simd.h"

namespace dreamdb {

namespace {

void append_rows(std::span<const std::byte> bytes, Dtype dtype, std::vector<float>& out) {
  const size_t count = bytes.size() / dtype_size_bytes(dtype), at = out.size();
  out.resize(at + count);
  if (dtype == Dtype::kF16) {
    simd::widen_f16(reinterpret_cast<const uint16_t*>(bytes.data()), count, out.data() + at);
  } else {
    std::memcpy(out.data() + at, bytes.data(), bytes.size());
  }
}

}  // namespace

double part_of(const Root& root, uint64_t wanted) {
  return wanted >= root.rows ? 1 : static_cast<double>(wanted) / static_cast<double>(root.rows);
}

Status pass_sample(Objects& objects, const Root& root, const Field& field,
                   std::span<const EntryPtr> entries, uint64_t wanted, uint64_t seed,
                   const std::function<Status(std::span<const float>)>& use) {
  return feed_rows(objects, field, entries, {part_of(root, wanted), seed, false},
                   [&](std::span<const RowPiece> pieces) -> Status {
                     std::vector<float> rows;
                     for (const RowPiece& piece : pieces)
                       append_rows(piece.values, field.dtype, rows);
                     return use(rows);
                   });
}

Result<std::vector<float>> sample_rows(Objects& objects, const Root& root, const Field& field,
                                       std::span<const EntryPtr> entries, uint64_t wanted,
                                       uint64_t seed) {
  std::vector<float> out;
  DREAMDB_TRY(pass_sample(objects, root, field, entries, wanted, seed,
                          [&](std::span<const float> rows) -> Status {
                            out.insert(out.end(), rows.begin(), rows.end());
                            return {};
                          }));
  return out;
}

}  // namespace dreamdb
