// A second pass over a dataset that the disk cache holds asks the store for the ref and no more.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "dataset/dataset_impl.h"
#include "dataset/testing.h"
#include "object/objects.h"
#include "store/cache_store.h"
#include "store/memory_store.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr size_t kRows = 20'000;
constexpr uint64_t kDim = 64;

NewRows rows_from(uint64_t first, size_t count) {
  std::mt19937_64 random(first);
  std::vector<uint64_t> anchors;
  std::vector<int64_t> numbers;
  std::vector<float> vectors;
  std::vector<std::string> images;
  for (size_t i = 0; i < count; ++i) {
    anchors.push_back(first + i);
    numbers.push_back(static_cast<int64_t>(random() % 1000));
    for (uint64_t d = 0; d < kDim; ++d) vectors.push_back(static_cast<float>(random() % 997) / 997);
    std::string image(200, '\0');
    for (char& c : image) c = static_cast<char>(random());
    images.push_back(image);
  }
  NewRows rows;
  rows.rows = count;
  rows.anchors = buffer_of(anchors);
  rows.columns = {embedding_column("emb", kDim, vectors), int_column("n", numbers),
                  text_column("img", FieldType::kImage, images)};
  return rows;
}

class DiskCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Schema schema;
    ASSERT_TRUE(schema.add(embedding_field("emb", kDim)));
    ASSERT_TRUE(schema.add(field_of("n", FieldType::kInt)));
    ASSERT_TRUE(schema.add(field_of("img", FieldType::kImage)));
    auto made = create_in(Space::on(memory_, "memory://disk", kCacheBytes), "main", schema, {});
    ASSERT_TRUE(made) << made.error().message;
    for (uint64_t first = 0; first < kRows; first += kRows / 4)
      ASSERT_TRUE(made->append(rows_from(first, kRows / 4)));
  }

  // As another process would open it: memory holds nothing yet.
  Dataset open() {
    auto cache =
        open_cache_store(counting_, {.folder = folder_.path() + "/cache", .size_bytes = 256 << 20});
    EXPECT_TRUE(cache) << cache.error().message;
    auto ds = open_in(Space::on(*cache, "memory://disk", kCacheBytes), "main");
    EXPECT_TRUE(ds) << ds.error().message;
    return *std::move(ds);
  }

  static size_t stream(const Dataset& ds) {
    auto batches = ds.stream();
    size_t rows = 0;
    EXPECT_TRUE(batches);
    while (true) {
      auto batch = batches->next();
      EXPECT_TRUE(batch) << batch.error().message;
      if (!batch || !*batch) return rows;
      rows += (*batch)->rows();
    }
  }

  static Batch take(const Dataset& ds) {
    std::vector<uint64_t> anchors;
    for (uint64_t i = 0; i < 500; ++i) anchors.push_back(i * 7919 % kRows);
    auto batch = ds.take(anchors);
    EXPECT_TRUE(batch) << batch.error().message;
    return *std::move(batch);
  }

  static std::vector<float> search(const Dataset& ds) {
    const std::vector<float> query(kDim, 0.5f);
    auto hits = ds.search("emb", query, 1, {});
    EXPECT_TRUE(hits) << hits.error().message;
    return hits->hits[0].scores;
  }

  StoreCounts counts_of(const std::function<void()>& act) {
    const StoreCounts before = counting_->snapshot();
    act();
    return counting_->snapshot().since(before);
  }

  static constexpr uint64_t kCacheBytes = 64 << 20;
  ScratchFolder folder_;
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>("disk");
  std::shared_ptr<CountingStore> counting_ = std::make_shared<CountingStore>(memory_);
};

TEST_F(DiskCacheTest, ASecondPassAsksForTheRefAlone) {
  EXPECT_EQ(stream(open()), kRows);
  const StoreCounts again = counts_of([&] { EXPECT_EQ(stream(open()), kRows); });
  EXPECT_EQ(again.requests(), 1u);
  EXPECT_EQ(again.of(StoreOp::kLoad), 1u);
}

TEST_F(DiskCacheTest, OtherPlansFindWhatAStreamHasRead) {
  EXPECT_EQ(stream(open()), kRows);
  const auto on_memory = open_in(Space::on(memory_, "memory://disk", kCacheBytes), "main");
  const std::vector<float> expected = search(*on_memory);
  const StoreCounts first = counts_of([&] {
    const Dataset ds = open();
    take(ds);
    EXPECT_EQ(search(ds), expected);
  });
  // Edges that no batch of the stream needed may be missing; whole columns are not.
  EXPECT_LE(first.read_bytes, 256u << 10);
  const StoreCounts second = counts_of([&] {
    const Dataset ds = open();
    take(ds);
    EXPECT_EQ(search(ds), expected);
    EXPECT_EQ(stream(ds), kRows);
  });
  EXPECT_EQ(second.requests(), 1u);
}

TEST_F(DiskCacheTest, ANewVersionCostsWhatIsNew) {
  EXPECT_EQ(stream(open()), kRows);
  auto writer = open_in(Space::on(memory_, "memory://disk", kCacheBytes), "main");
  ASSERT_TRUE(writer->append(rows_from(kRows, 10)));
  const StoreCounts counts = counts_of([&] { EXPECT_EQ(stream(open()), kRows + 10); });
  EXPECT_LT(counts.read_bytes, 200'000u);
  EXPECT_GT(counts.requests(), 1u);
}

TEST_F(DiskCacheTest, BytesThatWereWrongAlreadyOnTheStoreAreAskedForAgain) {
  // A store of the same name gave other bytes for the version.
  const std::string address =
      open_in(Space::on(memory_, "memory://disk", kCacheBytes), "main")->manifest();
  const auto liar = std::make_shared<MemoryStore>("disk");
  const PutRequest wrong{"manifests/" + address, Buffer::copy_of("wrong")};
  ASSERT_TRUE(liar->put_many({&wrong, 1})[0]);
  const auto cache =
      open_cache_store(liar, {.folder = folder_.path() + "/cache", .size_bytes = 256 << 20});
  const ReadRequest read{wrong.key};
  ASSERT_TRUE((*cache)->read_many({&read, 1})[0]);

  const auto mine =
      open_cache_store(memory_, {.folder = folder_.path() + "/cache", .size_bytes = 256 << 20});
  EXPECT_TRUE(open_in(Space::on(*mine, "memory://disk", kCacheBytes), "main"));
  // And those that came instead are kept: the liar cannot tell.
  const ReadRequest again{wrong.key};
  const auto kept = std::move((*cache)->read_many({&again, 1})[0]);
  ASSERT_TRUE(kept);
  EXPECT_NE(kept->view(), "wrong");
}

TEST_F(DiskCacheTest, TheEnvironmentNamesTheFolderToo) {
  const std::string url = "file://" + folder_.path() + "/store";
  Schema schema;
  ASSERT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  ASSERT_TRUE(Dataset::create(url, schema));
  setenv("DREAMDB_CACHE", (folder_.path() + "/mine").c_str(), 1);
  const auto pass = [&] { return Dataset::open(url)->store_stats(); };
  EXPECT_EQ(pass().gets, 1u);
  EXPECT_EQ(pass().gets, 0u);
  EXPECT_EQ(pass().cache_hits, 1u);
  setenv("DREAMDB_CACHE_SIZE", "20 parsecs", 1);
  const auto bad = Dataset::open(url);
  unsetenv("DREAMDB_CACHE_SIZE");
  unsetenv("DREAMDB_CACHE");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::kInvalidArgument);
  EXPECT_NE(bad.error().message.find("DREAMDB_CACHE_SIZE"), std::string::npos);
  OpenOptions options;
  options.disk_cache.size_bytes = 1 << 30;
  EXPECT_EQ(Dataset::open(url, options).error().code, Code::kInvalidArgument);
  options.disk_cache = {folder_.path() + "/small", 1000};
  EXPECT_EQ(Dataset::open(url, options).error().code, Code::kInvalidArgument);
  options.disk_cache = {folder_.path() + "/other", 1 << 30};
  EXPECT_EQ(Dataset::open(url, options)->store_stats().cache_misses, 1u);
}

TEST_F(DiskCacheTest, AFailureTellsItsCost) {
  const std::string url = "file://" + folder_.path() + "/store";
  Schema schema;
  ASSERT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  ASSERT_TRUE(Dataset::create(url, schema));
  StoreStats cost;
  OpenOptions options;
  options.cost_of_failure = &cost;
  EXPECT_FALSE(Dataset::open(url + "@none", options));
  EXPECT_EQ(cost.loads, 2u);  // also of a snapshot of `main` with that label
}

}  // namespace
}  // namespace dreamdb
