// Codes that went through files are those that stayed in memory, piece by piece.
#include "index/code_spill.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace dreamdb {
namespace {

constexpr uint32_t kDim = 40;
constexpr size_t kCells = 7, kRows = 3000;

SpatialIndex make_index(uint32_t bits) {
  SpatialParts parts;
  parts.algorithm = "dreamdb.ivf-l2";
  parts.dim = kDim;
  parts.bits = bits;
  parts.level_scale = bits == 1 ? 0 : make_level_scale(64, static_cast<int>(bits));
  parts.signs = make_signs(64, 5);
  parts.origin.assign(64, 0.1f);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> centroids(kCells * kDim), padded(kCells * 64);
  for (size_t i = 0; i < centroids.size(); ++i)
    padded[i / kDim * 64 + i % kDim] = centroids[i] = normal(random);
  return {Address{}, parts, centroids,
          make_routes({Metric::kL2, parts.origin, parts.signs}, padded)};
}

// The segments of all pieces, of rows that came in ten calls.
std::vector<std::string> segments_of(const SpatialIndex& index, uint64_t memory_bytes,
                                     uint64_t piece_bytes) {
  const std::vector<uint64_t> cell_rows(kCells, kRows / kCells);
  CodeSpill spill(index, kRows, cell_rows, memory_bytes, piece_bytes);
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (uint64_t first = 0; first < kRows; first += kRows / 10) {
    std::vector<uint64_t> anchors;
    std::vector<float> values(kRows / 10 * kDim);
    for (uint64_t i = first; i < first + kRows / 10; ++i) anchors.push_back(i * 3);
    for (float& value : values) value = normal(random);
    CodeTable codes(index);
    codes.add(anchors, std::as_bytes(std::span(values)), Dtype::kF32);
    const Status added = spill.add(codes);
    EXPECT_TRUE(added) << added.error().message;
  }
  std::vector<std::string> out;
  size_t rows = 0;
  const Status finished = spill.finish([&](const CodeTable& codes) -> Status {
    DREAMDB_ASSIGN(const BuiltSegment built, codes.build(Nonce{}, FieldId{1}, Address{}));
    out.emplace_back(built.object.view());
    rows += codes.rows();
    return {};
  });
  EXPECT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(rows, kRows);
  return out;
}

TEST(CodeSpill, FilesGiveBackWhatMemoryWouldHave) {
  constexpr uint64_t kMuch = 1ull << 30, kLittle = 4096;
  for (const uint32_t bits : {1u, 4u}) {
    const SpatialIndex index = make_index(bits);
    const uint64_t row_bytes = CodeTable::row_bytes(index);
    // All in one part; some parts; cells that are cut.
    for (const uint64_t piece_rows : {kRows * 2, kRows / 3, kRows / 50}) {
      const auto held = segments_of(index, kMuch, piece_rows * row_bytes);
      const auto spilled = segments_of(index, kLittle, piece_rows * row_bytes);
      EXPECT_TRUE(held == spilled) << bits << " bits, pieces of " << piece_rows;
      EXPECT_EQ(held.size() > 1, piece_rows < kRows);
    }
  }
}

TEST(CodeSpill, AFolderThatTakesNoFileIsNamed) {
  const SpatialIndex index = make_index(1);
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("TMPDIR", "/proc/none", 1);
  CodeSpill spill(index, kRows, std::vector<uint64_t>(kCells, 1), 0);
  CodeTable codes(index);
  const std::vector<uint64_t> anchors = [] {
    std::vector<uint64_t> out(500);
    for (size_t i = 0; i < out.size(); ++i) out[i] = i;
    return out;
  }();
  const std::vector<float> values(anchors.size() * kDim, 1);
  codes.add(anchors, std::as_bytes(std::span(values)), Dtype::kF32);
  const Status added = spill.add(codes);
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);
  ASSERT_FALSE(added);
  EXPECT_TRUE(added.error().message.contains("/proc/none")) << added.error().message;
  EXPECT_TRUE(added.error().message.contains("set TMPDIR")) << added.error().message;
}

}  // namespace
}  // namespace dreamdb
