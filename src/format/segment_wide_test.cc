// Matrix and blob segments: what is built is read back, in the layout that spec 7 fixes.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "format/segment_testing.h"

namespace dreamdb {
namespace {

using namespace segment_testing;

constexpr FieldId kField{7};

Whole matrix_of(const std::vector<uint64_t>& anchors, Dtype dtype,
                const std::vector<uint64_t>& shape, const std::vector<std::byte>& matrix) {
  return Whole(build_matrix_segment(test_nonce(), kField, anchors, dtype, shape, matrix));
}

std::string as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void expect_matrix(const Whole& whole, const std::vector<uint64_t>& anchors,
                   const std::vector<std::byte>& matrix) {
  EXPECT_EQ(whole.anchors(), anchors);
  EXPECT_EQ(whole.built.entry.first, anchors.front());
  EXPECT_EQ(whole.built.entry.last, anchors.back());
  const auto& data = whole.segment.data;
  EXPECT_EQ(data.at % 64, 0u);
  EXPECT_EQ(data.end() - data.at, matrix.size());
  EXPECT_EQ(as_text(whole.built.object.span().subspan(data.at, matrix.size())), as_text(matrix));
}

TEST(MatrixSegment, EveryDtypeComesBack) {
  for (int i = 0; i <= static_cast<int>(Dtype::kF64); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    const size_t row = 5 * dtype_size_bytes(dtype);
    auto matrix = noise(100 * row);
    if (dtype == Dtype::kBool)
      for (std::byte& b : matrix) b &= std::byte{1};
    const Whole whole = matrix_of(steady(100), dtype, {5}, matrix);
    expect_matrix(whole, steady(100), matrix);
    EXPECT_EQ(whole.segment.dtype, dtype);
    EXPECT_EQ(whole.segment.shape, std::vector<uint64_t>{5});
    EXPECT_EQ(whole.segment.row_bytes, row);
    EXPECT_EQ(whole.segment.field, kField);
    EXPECT_EQ(whole.segment.nonce, test_nonce());
  }
}

TEST(MatrixSegment, RowsOfEverySizeComeBack) {
  for (const uint64_t dim : {1ull, 3ull, 63ull, 4095ull, 4096ull, 4097ull, 16384ull, 70000ull}) {
    for (const size_t rows : {1, 2, 7}) {
      const auto matrix = noise(rows * dim);
      const Whole whole = matrix_of(jittered(rows), Dtype::kU8, {dim}, matrix);
      expect_matrix(whole, jittered(rows), matrix);
      EXPECT_EQ(whole.segment.data.per, std::max<uint64_t>(1, 16384 / dim));
    }
  }
}

TEST(MatrixSegment, RowsOfNoBytesHaveNoBlocks) {
  const Whole whole = matrix_of(jittered(5000), Dtype::kF32, {3, 0}, {});
  expect_matrix(whole, jittered(5000), {});
  EXPECT_EQ(whole.segment.data.items, 0u);
  EXPECT_EQ(whole.segment.data.blocks(), 0u);
  EXPECT_EQ(whole.segment.rows, 5000u);
}

TEST(MatrixSegment, AScalarShapeIsOneElementARow) {
  const auto matrix = noise(8 * 4096);
  const Whole whole = matrix_of(steady(4096), Dtype::kI64, {}, matrix);
  expect_matrix(whole, steady(4096), matrix);
}

// The writer has no choice here, so the bytes are fixed (spec 7.5).
TEST(MatrixSegment, LayoutIsExact) {
  const auto matrix = noise(40);
  const Whole whole = matrix_of(steady(10, 100, 5), Dtype::kF32, {1}, matrix);
  const auto object = whole.built.object.span();
  EXPECT_EQ(as_text(object.first(16)), std::string("DREAMSEG\1\0\0\0\3\0\0\0", 16));
  EXPECT_EQ(as_text(object.subspan(16, 48)), std::string(48, '\0'));
  EXPECT_EQ(whole.segment.data.at, 64u);
  EXPECT_EQ(whole.segment.end, 128u);
  EXPECT_EQ(as_text(object.subspan(104, 24)), std::string(24, '\0'));
  EXPECT_EQ(as_text(object.last(8)), "DREAMEND");
  EXPECT_EQ(whole.built.entry.step, 5u);
  EXPECT_FALSE(whole.segment.anchors.has_value());
}

TEST(MatrixSegment, WrongInputIsRefused) {
  const auto build = [](const std::vector<uint64_t>& anchors, Dtype dtype,
                        const std::vector<uint64_t>& shape, size_t bytes) {
    return build_matrix_segment(test_nonce(), kField, anchors, dtype, shape,
                                std::vector<std::byte>(bytes, std::byte{2}));
  };
  const uint64_t huge = 1ull << 40;
  const Result<BuiltSegment> wrong[] = {
      build({}, Dtype::kU8, {1}, 0),
      build({1, 2}, Dtype::kU8, {1}, 3),
      build({2, 1}, Dtype::kU8, {1}, 2),
      build({2, 2}, Dtype::kU8, {1}, 2),
      build({1, UINT64_MAX}, Dtype::kU8, {1}, 2),
      build({1, 2}, Dtype::kBool, {1}, 2),
      build({1, 2}, Dtype::kU8, {huge, huge}, 2),
      build({1, 2}, Dtype::kU8, {huge, huge, 0}, 0),
      build({1, 2}, Dtype::kU8, std::vector<uint64_t>(33, 1), 2),
  };
  for (const auto& result : wrong) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  }
}

TEST(SegmentAnchors, ConstantStepsTakeNoSpace) {
  const uint64_t top = UINT64_MAX - 1;
  const std::vector<std::vector<uint64_t>> arithmetic = {
      {0}, {top}, {0, top}, {top - 2, top - 1, top}, steady(5000, 3, 1ull << 40)};
  for (const auto& anchors : arithmetic) {
    const Whole whole = matrix_of(anchors, Dtype::kU8, {1}, std::vector<std::byte>(anchors.size()));
    EXPECT_EQ(whole.anchors(), anchors);
    EXPECT_FALSE(whole.segment.anchors.has_value());
    EXPECT_EQ(whole.built.entry.step, anchors.size() == 1 ? 1 : anchors[1] - anchors[0]);
  }
}

TEST(SegmentAnchors, OthersComeBackFromARun) {
  std::vector<std::vector<uint64_t>> cases = {{0, 1, 3}, {0, 1, UINT64_MAX - 1}};
  for (const size_t rows : {3, 4095, 4096, 4097, 8192, 20000}) cases.push_back(jittered(rows));
  for (const auto& anchors : cases) {
    const Whole whole = matrix_of(anchors, Dtype::kU8, {1}, std::vector<std::byte>(anchors.size()));
    EXPECT_EQ(whole.anchors(), anchors);
    ASSERT_TRUE(whole.segment.anchors.has_value());
    EXPECT_EQ(whole.segment.anchors->per, 4096u);
    EXPECT_EQ(whole.built.entry.step, 0u);
    EXPECT_EQ(whole.built.entry.first, anchors.front());
    EXPECT_EQ(whole.built.entry.last, anchors.back());
  }
}

Whole blobs_of(const std::vector<std::string>& payloads, bool compress = false) {
  std::vector<Buffer> buffers;
  for (const std::string& payload : payloads) buffers.push_back(Buffer::copy_of(payload));
  Whole whole(build_blob_segment(test_nonce(), kField, steady(payloads.size()), buffers, compress));
  EXPECT_EQ(whole.payloads(), payloads);
  return whole;
}

TEST(BlobSegment, DistinctPayloadsNeedNoIndex) {
  const Whole whole = blobs_of({"a", "bc", "", "def"});
  EXPECT_FALSE(whole.segment.index.has_value());
  EXPECT_EQ(whole.segment.payloads.items, 4u);
  EXPECT_TRUE(whole.segment.payloads.codecs.empty());
  EXPECT_EQ(as_text(whole.built.object.span().subspan(64, 6)), "abcdef");
}

TEST(BlobSegment, EqualPayloadsAreStoredOnce) {
  const std::string picture = as_text(noise(100'000));
  const Whole whole = blobs_of({picture, "x", picture, "", "x", ""});
  EXPECT_EQ(whole.segment.payloads.items, 3u);
  ASSERT_TRUE(whole.segment.index.has_value());
  EXPECT_LT(whole.segment.index->at, whole.segment.payloads.at);
  EXPECT_LT(whole.built.object.size(), picture.size() + 1000);
}

TEST(BlobSegment, TextIsCompressedWhereItPays) {
  std::string prose;
  while (prose.size() < 20'000) prose += "a sentence that is written over and over again. ";
  const std::string random = as_text(noise(20'000));
  const std::string small(1023, 'a');
  const Whole whole = blobs_of({prose, random, small, prose, std::string(1024, 'b')}, true);
  const auto& payloads = whole.segment.payloads;
  ASSERT_EQ(payloads.codecs.size(), 4u);
  EXPECT_EQ(payloads.codec(0), Codec::kZstd);
  EXPECT_LT(payloads.sizes[0], prose.size() / 8);
  EXPECT_EQ(payloads.codec(1), Codec::kRaw);
  EXPECT_EQ(payloads.codec(2), Codec::kRaw);
  EXPECT_EQ(payloads.codec(3), Codec::kZstd);
  EXPECT_TRUE(blobs_of({prose, random}, false).segment.payloads.codecs.empty());
}

TEST(BlobSegment, ManyRowsOfFewPayloads) {
  std::vector<std::string> payloads;
  for (size_t i = 0; i < 16'384; ++i) payloads.push_back("class " + std::to_string(i * i % 97));
  const Whole whole = blobs_of(payloads);
  EXPECT_LT(whole.segment.payloads.items, 97u);
  EXPECT_EQ(whole.segment.index->blocks(), 4u);
  EXPECT_EQ(whole.segment.index->codec(0), Codec::kFrameOfReference);
}

RC_GTEST_PROP(BlobSegment, AnyPayloadsComeBack, (const std::vector<std::string>& some, bool zip)) {
  RC_PRE(!some.empty());
  std::vector<std::string> payloads = some;
  payloads.insert(payloads.end(), some.rbegin(), some.rend());
  const Whole whole = blobs_of(payloads, zip);
  const std::set<std::string> distinct(some.begin(), some.end());
  RC_ASSERT(whole.payloads() == payloads);
  RC_ASSERT(whole.segment.payloads.items == distinct.size());
}

TEST(BlobSegment, AsManyPayloadsAsRows) {
  const std::vector<Buffer> one(1);
  const auto result = build_blob_segment(test_nonce(), kField, steady(2), one, false);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace dreamdb
