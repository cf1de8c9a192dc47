#include "index/sample.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "dreamdb/interrupt.h"
#include "simd/simd.h"
#include "track/row_reader.h"

namespace dreamdb {

namespace {

constexpr size_t kSegmentsAtOnce = 64;
constexpr uint64_t kWaveBytes = 64ull << 20;

void append_rows(const Buffer& bytes, Dtype dtype, std::vector<float>& out) {
  const size_t count = bytes.size() / dtype_size_bytes(dtype), at = out.size();
  out.resize(at + count);
  if (dtype == Dtype::kF16) {
    simd::widen_f16(reinterpret_cast<const uint16_t*>(bytes.data()), count, out.data() + at);
  } else {
    std::memcpy(out.data() + at, bytes.data(), bytes.size());
  }
}

class Sampler {
 public:
  Sampler(Objects& objects, const Field& field, double share, uint64_t seed)
      : objects_(objects), field_(field), share_(share), random_(seed) {}

  Status draw(std::span<const EntryPtr> entries) {
    DREAMDB_ASSIGN(const auto segments, objects_.segments(entries));
    for (const SegmentPtr& segment : segments) {
      DREAMDB_TRY(check_matrix(segment->segment, field_));
      const Run& run = segment->segment.data;
      for (size_t block = 0; block < run.blocks(); ++block) {
        if (std::generate_canonical<double, 32>(random_) >= share_) continue;
        asked_.push_back({segment, &run, block, 1});
        asked_bytes_ += run.sizes[block];
        if (asked_bytes_ >= kWaveBytes) DREAMDB_TRY(fetch());
      }
    }
    return fetch();
  }
  std::vector<float> take() { return std::move(rows_); }

 private:
  Status fetch() {
    DREAMDB_TRY(check_interrupt());
    DREAMDB_ASSIGN(const auto blocks, objects_.extents(asked_));
    for (const Buffer& block : blocks) append_rows(block, field_.dtype, rows_);
    asked_.clear();
    asked_bytes_ = 0;
    return {};
  }

  Objects& objects_;
  const Field& field_;
  const double share_;
  std::mt19937_64 random_;
  std::vector<Extent> asked_;
  uint64_t asked_bytes_ = 0;
  std::vector<float> rows_;
};

}  // namespace

Result<std::vector<float>> sample_rows(Objects& objects, const Root& root, const Field& field,
                                       uint64_t wanted, uint64_t seed) {
  DREAMDB_ASSIGN(const auto entries, list_entries(objects, TreeCursor(root, 0, UINT64_MAX)));
  const double share =
      wanted >= root.rows ? 1 : static_cast<double>(wanted) / static_cast<double>(root.rows);
  Sampler sampler(objects, field, share, seed);
  for (size_t first = 0; first < entries.size(); first += kSegmentsAtOnce)
    DREAMDB_TRY(sampler.draw(
        std::span(entries).subspan(first, std::min(kSegmentsAtOnce, entries.size() - first))));
  return sampler.take();
}

}  // namespace dreamdb
