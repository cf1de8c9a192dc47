// Takes of many scattered records: verified where they are read, and put where they belong.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "dataset/testing.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr uint64_t kDim = 512;
constexpr uint64_t kRows = 4000;  // 8 MB of vectors: far more than is read on one thread
constexpr uint64_t kStep = 3;
constexpr uint64_t kBlockBytes = 16 * 1024;
constexpr uint64_t kBlockRows = kBlockBytes / (kDim * sizeof(float));

float value_at(uint64_t anchor, uint64_t d) {
  return static_cast<float>(anchor * 31 + d % 97) / 64;
}

class Take : public ::testing::Test {
 protected:
  Take() {
    Schema schema;
    EXPECT_TRUE(schema.add(embedding_field("emb", kDim)));
    EXPECT_TRUE(schema.add(embedding_field("sparse", kDim, false)));
    EXPECT_TRUE(schema.add(field_of("n", FieldType::kInt)));
    EXPECT_TRUE(schema.add(field_of("word", FieldType::kString)));
    auto ds = Dataset::create(locator(), schema);
    EXPECT_TRUE(ds) << ds.error().message;
    auto writer = ds->writer();
    for (uint64_t first = 0; first < kRows; first += kRows / 2) append(*writer, first);
    EXPECT_TRUE(writer->commit());
  }

  static void append(Writer& writer, uint64_t first) {
    std::vector<uint64_t> anchors(kRows / 2);
    std::vector<float> vectors;
    std::vector<int64_t> numbers;
    std::vector<std::string> words;
    for (uint64_t i = 0; i < anchors.size(); ++i) {
      anchors[i] = (first + i) * kStep;
      for (uint64_t d = 0; d < kDim; ++d) vectors.push_back(value_at(anchors[i], d));
      numbers.push_back(static_cast<int64_t>(anchors[i]));
      words.push_back("word " + std::to_string(anchors[i] % 1000));
    }
    std::vector<bool> valid(anchors.size());
    for (size_t i = 0; i < valid.size(); ++i) valid[i] = has_sparse(anchors[i]);
    Column sparse = embedding_column("sparse", kDim, vectors);
    sparse.valid = bitmap_of(valid);
    const auto report = writer.append(rows_at(
        anchors, {embedding_column("emb", kDim, vectors), std::move(sparse),
                  int_column("n", numbers), text_column("word", FieldType::kString, words)}));
    EXPECT_TRUE(report) << report.error().message;
  }

  static bool has_sparse(uint64_t anchor) { return anchor % 5 == 0; }

  static void expect_row(const Batch& batch, size_t row, uint64_t anchor) {
    ASSERT_EQ(batch.anchors()[row], anchor);
    ASSERT_EQ(batch.find("n")->as<int64_t>()[row], static_cast<int64_t>(anchor));
    ASSERT_EQ(batch.find("word")->text(row), "word " + std::to_string(anchor % 1000));
    for (uint64_t d = 0; d < kDim; d += 73)
      ASSERT_EQ(batch.find("emb")->as<float>()[row * kDim + d], value_at(anchor, d));
    ASSERT_EQ(batch.find("sparse")->is_valid(row), has_sparse(anchor));
    if (has_sparse(anchor)) {
      ASSERT_EQ(batch.find("sparse")->as<float>()[row * kDim + 73], value_at(anchor, 73));
    }
  }

  std::string locator() const { return "file://" + folder_.path() + "/ds@main"; }

  std::vector<uint64_t> scattered(size_t count) {
    std::vector<uint64_t> rows(kRows);
    std::iota(rows.begin(), rows.end(), uint64_t{0});
    std::shuffle(rows.begin(), rows.end(), random_);
    rows.resize(count);
    for (uint64_t& row : rows) row *= kStep;
    return rows;
  }

  ScratchFolder folder_;
  std::mt19937_64 random_{5};
};

TEST_F(Take, ManyRecordsComeInAnyOrder) {
  const auto ds = Dataset::open(locator());
  ASSERT_TRUE(ds);
  for (const size_t count : {size_t{1}, size_t{255}, size_t{700}, size_t{kRows}}) {
    std::vector<uint64_t> wanted = scattered(count);
    for (const bool sorted : {false, true}) {
      if (sorted) std::sort(wanted.begin(), wanted.end());
      for (int again = 0; again < 2; ++again) {  // the second time scalars are at hand
        const auto batch = ds->take(wanted);
        ASSERT_TRUE(batch) << batch.error().message;
        ASSERT_EQ(batch->rows(), count);
        for (size_t i = 0; i < count; ++i) expect_row(*batch, i, wanted[i]);
      }
    }
  }
}

TEST_F(Take, TheSameRecordTwiceAndOnesThatAreNotThere) {
  const auto ds = Dataset::open(locator());
  std::vector<uint64_t> wanted = scattered(600);
  wanted.insert(wanted.end(), wanted.begin(), wanted.begin() + 50);
  std::vector<uint64_t> present = wanted;
  const auto twice = ds->take(wanted);
  ASSERT_TRUE(twice) << twice.error().message;
  for (size_t i = 0; i < wanted.size(); ++i) expect_row(*twice, i, wanted[i]);
  for (size_t i = 0; i < 40; ++i)
    wanted.insert(wanted.begin() + static_cast<ptrdiff_t>(i * 10), i * kStep + 1);
  EXPECT_EQ(ds->take(wanted).error().code, Code::kNotFound);
  const auto some = ds->take(wanted, std::nullopt, true);
  ASSERT_TRUE(some) << some.error().message;
  ASSERT_EQ(some->rows(), present.size());
  for (size_t i = 0; i < present.size(); ++i) expect_row(*some, i, present[i]);
}

TEST_F(Take, AFlippedBitInOneBlockOfManyIsFound) {
  namespace fs = std::filesystem;
  // The segments of vectors are those of megabytes.
  std::vector<fs::path> large;
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path() + "/ds/segments"))
    if (entry.is_regular_file() && entry.file_size() > (1u << 20)) large.push_back(entry.path());
  ASSERT_FALSE(large.empty());
  // Every other block of vectors, so that each is read by itself.
  std::vector<uint64_t> wanted = scattered(kRows);
  std::erase_if(wanted, [](uint64_t anchor) { return anchor / kStep / kBlockRows % 2 == 1; });
  for (int round = 0; round < 8; ++round) {
    const fs::path& path = large[random_() % large.size()];
    const uint64_t at = 64 + random_() % 32 * 2 * kBlockBytes + random_() % kBlockBytes;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const auto flip = [&] {
      file.seekg(static_cast<std::streamoff>(at));
      const int byte = file.get();
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(byte ^ 0x10));
      file.flush();
    };
    flip();
    const auto ds = Dataset::open(locator());
    const auto batch = ds->take(wanted);
    ASSERT_FALSE(batch) << path << " at " << at;
    EXPECT_EQ(batch.error().code, Code::kCorruption);
    EXPECT_NE(batch.error().message.find("segments/"), std::string::npos) << batch.error().message;
    flip();
    const auto whole = ds->take(wanted);
    ASSERT_TRUE(whole) << whole.error().message;
    expect_row(*whole, 7, wanted[7]);
  }
}

TEST_F(Take, ASegmentThatWasCutShortIsFound) {
  namespace fs = std::filesystem;
  const auto ds = Dataset::open(locator());
  ASSERT_TRUE(ds->take(scattered(700)));  // footers are known
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path() + "/ds/segments"))
    if (entry.is_regular_file() && entry.file_size() > (1u << 20))
      fs::resize_file(entry.path(), 1u << 19);
  const auto cut = ds->take(scattered(kRows / 10));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::kCorruption);
  EXPECT_NE(cut.error().message.find("early"), std::string::npos) << cut.error().message;
}

}  // namespace
}  // namespace dreamdb
