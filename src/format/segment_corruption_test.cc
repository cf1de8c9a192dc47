// No damaged byte of a segment ever becomes a value: each is found, and the place named.
#include <cstring>

#include "format/segment_testing.h"

namespace dreamdb {
namespace {

using namespace segment_testing;

std::vector<Whole> small_segments() {
  std::vector<Whole> wholes;
  const auto blobs = [](const std::vector<std::string>& payloads, bool compress) {
    std::vector<Buffer> buffers;
    for (const auto& payload : payloads) buffers.push_back(Buffer::copy_of(payload));
    return build_blob_segment(test_nonce(), FieldId{3}, jittered(payloads.size()), buffers,
                              compress);
  };
  wholes.emplace_back(
      build_matrix_segment(test_nonce(), FieldId{2}, jittered(5), Dtype::kF32, {3}, noise(60)));
  wholes.emplace_back(
      build_matrix_segment(test_nonce(), FieldId{2}, steady(2), Dtype::kF32, {0}, {}));
  wholes.emplace_back(blobs({"picture", "", "other", "picture"}, false));
  wholes.emplace_back(blobs({std::string(2000, 'z'), "plain"}, true));
  std::vector<Column> columns;
  for (const FieldType type : {FieldType::kString, FieldType::kCategorical})
    columns.push_back(column_of(
        type, {"dog", "dog", std::nullopt, "dog", "cat", "cat", "dog", "dog", "cat", "dog"}));
  columns.push_back(column_of(FieldType::kInt, Cells(10, bytes_of(int64_t{77}))));
  Cells flags(10, std::string(1, '\1'));
  flags[3].reset();
  columns.push_back(column_of(FieldType::kBool, flags));
  columns.push_back(column_of(FieldType::kFloat, Cells(10, bytes_of(0.25))));
  wholes.emplace_back(build_columns(jittered(10), columns));
  return wholes;
}

void expect_corrupt(std::span<const std::byte> object, const Address& address,
                    const std::string& what) {
  const auto parsed = parse_whole_segment(object, address);
  ASSERT_FALSE(parsed.has_value()) << what;
  ASSERT_EQ(parsed.error().code, Code::kCorruption) << what << ": " << parsed.error().message;
  ASSERT_NE(parsed.error().message.find("segments/" + address.text()), std::string::npos)
      << parsed.error().message;
}

TEST(SegmentCorruption, EveryBitOfSmallObjects) {
  for (const Whole& whole : small_segments()) {
    std::vector<std::byte> object(whole.built.object.span().begin(),
                                  whole.built.object.span().end());
    for (size_t i = 0; i < object.size(); ++i)
      for (int bit = 0; bit < 8; ++bit) {
        const auto flip = static_cast<std::byte>(1u << bit);
        object[i] ^= flip;
        expect_corrupt(object, whole.built.entry.child,
                       "bit " + std::to_string(bit) + " of byte " + std::to_string(i));
        object[i] ^= flip;
      }
  }
}

TEST(SegmentCorruption, EveryLength) {
  for (const Whole& whole : small_segments()) {
    const auto object = whole.built.object.span();
    for (size_t size = 0; size < object.size(); ++size)
      expect_corrupt(object.first(size), whole.built.entry.child, "cut to " + std::to_string(size));
    std::vector<std::byte> longer(object.begin(), object.end());
    longer.push_back(std::byte{0});
    expect_corrupt(longer, whole.built.entry.child, "one byte more");
  }
}

TEST(SegmentCorruption, AnotherObject) {
  const auto wholes = small_segments();
  for (const Whole& a : wholes)
    for (const Whole& b : wholes)
      if (a.built.entry.child != b.built.entry.child)
        expect_corrupt(a.built.object.span(), b.built.entry.child, "swapped");
}

// Range reads check footer and blocks alone: a flipped bit in either is found there.
TEST(SegmentCorruption, RangesAreVerifiedAlone) {
  for (const Whole& whole : small_segments()) {
    std::vector<std::byte> footer(whole.footer().begin(), whole.footer().end());
    for (std::byte& byte : footer) {
      byte ^= std::byte{0x10};
      const auto parsed = parse_segment_footer(footer, whole.built.entry.child);
      ASSERT_FALSE(parsed.has_value());
      ASSERT_EQ(parsed.error().code, Code::kCorruption);
      byte ^= std::byte{0x10};
    }
    for (const NamedRun& named : list_runs(whole.segment))
      for (size_t block = 0; block < named.run->blocks(); ++block) {
        const Buffer stored = whole.stored(*named.run, block);
        EXPECT_TRUE(verify_block(whole.segment, *named.run, block, stored.span()).has_value());
        std::vector<std::byte> bytes(stored.span().begin(), stored.span().end());
        for (std::byte& byte : bytes) {
          byte ^= std::byte{1};
          const Status status = verify_block(whole.segment, *named.run, block, bytes);
          ASSERT_FALSE(status.has_value());
          ASSERT_EQ(status.error().code, Code::kCorruption);
          byte ^= std::byte{1};
        }
        bytes.push_back(std::byte{0});
        EXPECT_FALSE(verify_block(whole.segment, *named.run, block, bytes).has_value());
      }
  }
}

TEST(SegmentCorruption, TheMessageSaysWhereAndWhatToDo) {
  const Whole whole(
      build_columns(steady(5000), {column_of(FieldType::kInt, Cells(5000, bytes_of(int64_t{5})))}));
  const auto& run = whole.segment.columns[0].data;
  const Buffer stored = whole.stored(run, 1);
  std::vector<std::byte> bytes(stored.span().begin(), stored.span().end());
  bytes[0] ^= std::byte{1};
  const std::string message = verify_block(whole.segment, run, 1, bytes).error().message;
  const auto has = [&](const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  };
  has("segments/" + whole.built.entry.child.text());
  has("run `column 1 data` block 1");
  has("expected hash ");
  has("found ");
  has("restore the object from a copy");
}

}  // namespace
}  // namespace dreamdb
