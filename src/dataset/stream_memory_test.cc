// Pieces of a stream stay within their bound where rows are far from the average.
#include <gtest/gtest.h>

#include <random>

#include "dataset/dataset_impl.h"
#include "dataset/reading.h"
#include "dataset/testing.h"
#include "store/memory_store.h"
#include "stream/read_ahead.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr uint64_t kMemoryBytes = 512 * 1024;
constexpr uint64_t kPieceBytes = 64 * 1024;
// A piece may be four times its size before it is cut.
constexpr uint64_t kPieceBytesMax = 4 * kPieceBytes;

class StreamMemoryTest : public ::testing::Test {
 protected:
  void create(const Schema& schema) { dataset_ = *create_in(space_, "main", schema); }

  // The sizes of all pieces; `check` looks at each.
  template <typename Check>
  std::vector<uint64_t> piece_bytes(const ReadOptions& options, const Check& check) {
    const ManifestPtr manifest = *space_->objects().manifest(*Address::parse(dataset_->manifest()));
    ReadAhead ahead(space_->shared_objects(), manifest, *bind_read(manifest, options));
    std::vector<uint64_t> sizes;
    for (;;) {
      auto piece = ahead.next();
      EXPECT_TRUE(piece) << piece.error().message;
      if (!piece || !*piece) return sizes;
      check(**piece);
      uint64_t bytes = 0;
      for (const Column& column : (*piece)->columns) {
        bytes += column.values.size();
        for (const Buffer& blob : column.blobs) bytes += blob.size();
      }
      sizes.push_back(bytes);
    }
  }

  const std::shared_ptr<Space> space_ =
      Space::on(std::make_shared<MemoryStore>("uneven"), "memory://uneven", 64ull << 20);
  std::optional<Dataset> dataset_;
};

ReadOptions small_steps() {
  ReadOptions options;
  options.batch_rows = 4;
  options.memory_bytes = kMemoryBytes;
  return options;
}

uint64_t max_of(const std::vector<uint64_t>& sizes) {
  return *std::max_element(sizes.begin(), sizes.end());
}

// 4,000 rows of a word of 2,000 bytes take a few bytes each in the segment.
TEST_F(StreamMemoryTest, AWordOfADictionaryCountsForEachRow) {
  Schema schema;
  ASSERT_TRUE(schema.add(field_of("word", FieldType::kCategorical)));
  create(schema);
  const std::string words[] = {std::string(2000, 'a'), std::string(2000, 'b')};
  std::vector<uint64_t> anchors;
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < 4000; ++i) {
    anchors.push_back(i);
    texts.push_back(words[i % 2]);
  }
  ASSERT_TRUE(
      dataset_->append(rows_at(anchors, {text_column("word", FieldType::kCategorical, texts)})));
  uint64_t next = 0;
  const auto sizes = piece_bytes(small_steps(), [&](const Batch& piece) {
    for (size_t row = 0; row < piece.rows(); ++row, ++next) {
      ASSERT_EQ(piece.anchors()[row], next);
      ASSERT_EQ(piece.columns[0].text(row), words[next % 2]);
    }
  });
  EXPECT_EQ(next, 4000u);
  EXPECT_LE(max_of(sizes), kPieceBytesMax);
  EXPECT_GE(max_of(sizes), kPieceBytes / 2) << "the bound is kept by needlessly small pieces";
}

// One word of a dictionary of 1,000 is long, and most rows have it: no average tells.
TEST_F(StreamMemoryTest, AWordFarFromTheAverageIsNoticedWhenItIsRead) {
  Schema schema;
  ASSERT_TRUE(schema.add(field_of("word", FieldType::kCategorical)));
  create(schema);
  const std::string long_word(4000, 'x');
  const auto text_of = [&](uint64_t i) {
    return i % 4 == 0 ? "short " + std::to_string(i % 1000) : long_word;
  };
  std::vector<uint64_t> anchors;
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < 4000; ++i) {
    anchors.push_back(i);
    texts.push_back(text_of(i));
  }
  ASSERT_TRUE(
      dataset_->append(rows_at(anchors, {text_column("word", FieldType::kCategorical, texts)})));
  for (const char* where : {"", "word != 'short 8'"}) {
    ReadOptions options = small_steps();
    if (*where != '\0') options.where = *Where::parse(where);
    uint64_t rows = 0, last = 0;
    const auto sizes = piece_bytes(options, [&](const Batch& piece) {
      for (size_t row = 0; row < piece.rows(); ++row, ++rows) {
        const uint64_t anchor = piece.anchors()[row];
        ASSERT_TRUE(rows == 0 || anchor > last);
        ASSERT_EQ(piece.columns[0].text(row), text_of(anchor));
        last = anchor;
      }
    });
    EXPECT_EQ(rows, *where != '\0' ? 3996u : 4000u);
    EXPECT_LE(max_of(sizes), kPieceBytesMax) << where;
  }
}

// The filter keeps just the rows whose payloads are twenty times the average: some stand in the
// segment as they are, some compressed, and with some that stand there once for many rows no
// average tells.
class UnevenPayloadsTest : public StreamMemoryTest, public ::testing::WithParamInterface<int> {};

TEST_P(UnevenPayloadsTest, AFilterThatKeepsTheLargeRows) {
  Schema schema;
  const FieldType type = GetParam() == 1 ? FieldType::kText : FieldType::kBlob;
  ASSERT_TRUE(schema.add(field_of("payload", type)));
  ASSERT_TRUE(schema.add(field_of("heavy", FieldType::kBool)));
  create(schema);
  const auto is_heavy = [](uint64_t i) { return i >= 1000 && i < 1200; };
  std::mt19937 random(5);
  const auto payload_of = [&](uint64_t i) {
    if (!is_heavy(i)) return GetParam() == 2 ? std::string("one of many") : std::to_string(i);
    std::string text = std::to_string(i);
    text.resize(20'000, 'x');
    if (GetParam() != 1)
      for (char& c : text) c = static_cast<char>(random());
    return text;
  };
  std::vector<uint64_t> anchors;
  std::vector<std::string> payloads;
  std::vector<uint8_t> heavy;
  for (uint64_t i = 0; i < 4000; ++i) {
    anchors.push_back(i);
    payloads.push_back(payload_of(i));
    heavy.push_back(is_heavy(i));
  }
  ASSERT_TRUE(dataset_->append(
      rows_at(anchors, {text_column("payload", type, payloads), bool_column("heavy", heavy)})));
  ReadOptions options = small_steps();
  options.where = *Where::parse("heavy");
  uint64_t next = 1000;
  const auto sizes = piece_bytes(options, [&](const Batch& piece) {
    for (size_t row = 0; row < piece.rows(); ++row, ++next) {
      ASSERT_EQ(piece.anchors()[row], next);
      ASSERT_EQ(piece.columns[0].blobs[row].view(), payloads[next]);
    }
  });
  EXPECT_EQ(next, 1200u);
  EXPECT_LE(max_of(sizes), kPieceBytesMax);
}

std::string name_of_case(const ::testing::TestParamInfo<int>& one) {
  constexpr const char* kNames[] = {"Raw", "Compressed", "Repeated"};
  return kNames[one.param];
}

INSTANTIATE_TEST_SUITE_P(Payloads, UnevenPayloadsTest, ::testing::Values(0, 1, 2), name_of_case);

}  // namespace
}  // namespace dreamdb
