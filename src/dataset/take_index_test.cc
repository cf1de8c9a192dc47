// Indexes that were built on a branch and are taken from there.
#include <gtest/gtest.h>

#include <random>

#include "dataset/small_dataset.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr size_t kDim = 20;

NewRows rows_of(uint64_t first, uint64_t count) {
  std::vector<float> values;
  for (uint64_t i = first; i < first + count; ++i) {
    std::mt19937_64 own(i);
    std::normal_distribution<float> normal;
    for (size_t j = 0; j < kDim; ++j) values.push_back(normal(own));
  }
  return rows_at(range(first * 10, count, 10), {embedding_column("emb", kDim, values)});
}

Dataset filled(const std::string& locator = fresh_locator()) {
  Schema schema;
  EXPECT_TRUE(schema.add(embedding_field("emb", kDim)));
  auto ds = Dataset::create(locator, schema);
  EXPECT_TRUE(ds);
  for (uint64_t first = 0; first < 1000; first += 200) EXPECT_TRUE(ds->append(rows_of(first, 200)));
  return *std::move(ds);
}

IndexOptions of_cells(size_t cells) {
  IndexOptions options;
  options.cells = cells;
  return options;
}

IndexInfo info_of(const Dataset& ds) { return (*ds.indexes()).at(0); }

void expect_error(const Result<IndexInfo>& result, Code code, const std::string& text) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_NE(result.error().message.find(text), std::string::npos) << result.error().message;
}

TEST(TakeIndex, TheOldOneServesUntilTheNewOneIsDone) {
  Dataset ds = filled();
  ASSERT_TRUE(ds.reindex("emb", of_cells(4)));
  ASSERT_TRUE(ds.set_meta("round", "8"));
  auto branch = ds.branch("rebuilt");
  ASSERT_TRUE(branch);
  // Versions that leave nothing, so that the branch is further on in generations.
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(branch->set_meta("round", std::to_string(i)));
  IndexOptions train = of_cells(9);
  train.train_only = true;
  ASSERT_TRUE(branch->reindex("emb", train));
  EXPECT_EQ(info_of(ds).cells, 4u);
  EXPECT_EQ(info_of(ds).uncovered, 0u);
  IndexOptions shard;
  shard.shard = Shard{0, 1};
  ASSERT_TRUE(branch->reindex("emb", shard));

  auto other = Dataset::open(ds.locator());
  ASSERT_TRUE(other->append(rows_of(2000, 50)));  // `ds` does not know of it
  const auto taken = ds.take_index("emb", "rebuilt");
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->cells, 9u);
  EXPECT_EQ(taken->codes, 1000u);
  EXPECT_EQ(taken->uncovered, 50u);
  const CommitInfo commit = **ds.history()->next();
  EXPECT_EQ(commit.operation, "take_index");
  EXPECT_EQ(commit.parents, (std::vector{other->manifest(), branch->manifest()}));
  EXPECT_EQ(commit.generation, branch->generation() + 1);
  EXPECT_EQ(*ds.count(), 1050u);

  // Appends have codes under it, and a shard makes the rest.
  ASSERT_TRUE(ds.append(rows_of(3000, 30)));
  EXPECT_EQ(info_of(ds).codes, 1030u);
  EXPECT_EQ(ds.reindex("emb", shard)->uncovered, 0u);
  EXPECT_EQ(info_of(ds).codes, 1080u);
}

// What else the branch has would be lost: its version is a parent of the one that is made.
TEST(TakeIndex, ABranchWithMoreThanTheIndexIsMerged) {
  const auto changes = std::vector<std::pair<std::string, std::function<void(Dataset&)>>>{
      {"remarks", [](Dataset& ds) { ASSERT_TRUE(ds.set_meta("note", "x")); }},
      {"fields",
       [](Dataset& ds) { ASSERT_TRUE(ds.add_field(field_of("n", FieldType::kInt, false))); }},
  };
  for (const auto& [what, change] : changes) {
    Dataset ds = filled();
    ASSERT_TRUE(ds.set_meta("k", "1"));
    auto branch = ds.branch("rebuilt");
    ASSERT_TRUE(branch);
    change(*branch);
    ASSERT_TRUE(branch->reindex("emb", of_cells(5)));
    ASSERT_TRUE(ds.set_meta("k", "2"));
    const std::string before = ds.manifest();
    expect_error(ds.take_index("emb", "rebuilt"), Code::kConflict, "(" + what + "); merge it");
    EXPECT_EQ(ds.manifest(), before);
    const auto merged = ds.merge(*branch);
    ASSERT_TRUE(merged) << merged.error().message;
    EXPECT_EQ(info_of(ds).cells, 5u);
    EXPECT_EQ(ds.meta().at(0), (std::pair<std::string, std::string>("k", "2")));
  }
}

TEST(TakeIndex, TakenTwiceIsTakenOnce) {
  Dataset ds = filled();
  auto branch = ds.branch("rebuilt");
  ASSERT_TRUE(branch->reindex("emb", of_cells(5)));
  ASSERT_TRUE(ds.take_index("emb", "rebuilt"));
  EXPECT_EQ(info_of(ds).uncovered, 0u);
  const std::string before = ds.manifest();
  ASSERT_TRUE(ds.take_index("emb", "rebuilt"));
  EXPECT_EQ(ds.manifest(), before);
  ASSERT_TRUE(ds.take_index("emb", "main"));
  EXPECT_EQ(ds.manifest(), before);
}

TEST(TakeIndex, BadInputIsTold) {
  const std::string locator = fresh_locator();
  Dataset ds = filled(locator);
  expect_error(ds.take_index("emb", "nowhere"), Code::kNotFound, "nowhere");
  auto branch = ds.branch("side");
  expect_error(ds.take_index("emb", "side"), Code::kNotFound, "no spatial index on `side`");
  ASSERT_TRUE(branch->append(rows_of(5000, 20)));
  ASSERT_TRUE(branch->reindex("emb", of_cells(5)));
  expect_error(ds.take_index("emb", "side"), Code::kConflict, "rows that are not here");
  Dataset other = filled(locator.substr(0, locator.find('@')) + "@other");
  ASSERT_TRUE(other.reindex("emb", of_cells(5)));
  expect_error(ds.take_index("emb", "other"), Code::kInvalidArgument, "another dataset");
  EXPECT_TRUE(ds.indexes()->empty());
}

}  // namespace
}  // namespace dreamdb
