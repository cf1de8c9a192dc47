// Fingerprints: the same for the same records, whatever their history, and never for others.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "dataset/small_dataset.h"
#include "dreamdb/upkeep.h"

namespace dreamdb {
namespace {

using namespace testing;

Dataset dataset_of(const Schema& schema = small_schema()) {
  return *Dataset::create(fresh_locator(), schema);
}

std::string print_of(const Dataset& ds) {
  const auto found = fingerprint(ds);
  EXPECT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->records, *ds.count());
  return found->text;
}

NewRows numbers_at(const std::vector<uint64_t>& anchors, int64_t number) {
  return rows_at(anchors, {int_column("n", std::vector<int64_t>(anchors.size(), number))});
}

Schema numbers_schema(const std::string& name = "n", FieldType type = FieldType::kInt) {
  Schema schema;
  EXPECT_TRUE(schema.add(field_of(name, type, false)));
  return schema;
}

TEST(Fingerprint, DoesNotTellHistories) {
  Dataset whole = dataset_of();
  ASSERT_TRUE(whole.append(small_rows(range(0, 300))));
  const std::string expected = print_of(whole);

  Dataset parts = dataset_of();
  for (const uint64_t first : {200, 0, 100})
    ASSERT_TRUE(parts.append(small_rows(range(first, 100))));
  EXPECT_EQ(print_of(parts), expected);
  ASSERT_TRUE(parts.set_meta("who", "me"));
  ASSERT_TRUE(parts.reindex("emb"));
  EXPECT_EQ(print_of(parts), expected);

  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  ASSERT_TRUE(parts.append(numbers_at({5, 17}, -1), replace));
  EXPECT_NE(print_of(parts), expected);
  ASSERT_TRUE(parts.append(small_rows({5, 17}), replace));
  EXPECT_EQ(print_of(parts), expected);
}

TEST(Fingerprint, DoesNotTellBranchesThatMergedEachOther) {
  Dataset left = dataset_of();
  ASSERT_TRUE(left.append(small_rows(range(0, 50))));
  Dataset right = *left.branch("right");
  ASSERT_TRUE(left.append(small_rows(range(50, 30, 2))));
  ASSERT_TRUE(right.append(small_rows(range(51, 30))));
  Dataset of_right = *right.branch("of-right");
  ASSERT_NE(print_of(left), print_of(right));
  ASSERT_TRUE(of_right.merge(left));
  ASSERT_TRUE(left.merge(right));
  EXPECT_EQ(print_of(left), print_of(of_right));
}

TEST(Fingerprint, IsOfFieldsByNameAndType) {
  Dataset ds = dataset_of(numbers_schema());
  ASSERT_TRUE(ds.append(numbers_at({1, 2}, 7)));
  const std::string expected = print_of(ds);

  Schema other;
  ASSERT_TRUE(other.add(field_of("empty", FieldType::kText, false)));
  ASSERT_TRUE(other.add(field_of("n", FieldType::kInt)));
  Dataset same = dataset_of(other);
  ASSERT_TRUE(same.append(numbers_at({2, 1}, 7)));
  EXPECT_EQ(print_of(same), expected) << "the id of a field and a field without values";

  Dataset renamed = dataset_of(numbers_schema("m"));
  ASSERT_TRUE(renamed.append(rows_at({1, 2}, {int_column("m", {7, 7})})));
  EXPECT_NE(print_of(renamed), expected);

  Dataset retyped = dataset_of(numbers_schema("n", FieldType::kTimestamp));
  NewRows times = numbers_at({1, 2}, 7);
  times.columns[0].type = FieldType::kTimestamp;
  ASSERT_TRUE(retyped.append(std::move(times)));
  EXPECT_NE(print_of(retyped), expected);
}

TEST(Fingerprint, TellsEachChange) {
  Dataset none = dataset_of(numbers_schema()), one = dataset_of(numbers_schema()),
          moved = dataset_of(numbers_schema()), empty = dataset_of(numbers_schema());
  ASSERT_TRUE(one.append(numbers_at({1}, 7)));
  ASSERT_TRUE(moved.append(numbers_at({2}, 7)));
  ASSERT_TRUE(empty.append(rows_at({1}, {})));
  const std::set<std::string> prints = {print_of(none), print_of(one), print_of(moved),
                                        print_of(empty)};
  EXPECT_EQ(prints.size(), 4u);
}

TEST(Fingerprint, ShardsAddUp) {
  Dataset ds = dataset_of();
  for (uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(ds.append(small_rows(range(i * 40, 40))));
  const std::string expected = print_of(ds);
  for (const uint64_t of : {1, 2, 3, 7, 20, 50}) {
    std::vector<std::string> parts;
    uint64_t most = 0;
    for (uint64_t i = 0; i < of; ++i) {
      FingerprintOptions options;
      options.shard = Shard{i, of};
      const auto part = fingerprint(ds, options);
      ASSERT_TRUE(part) << part.error().message;
      most = std::max(most, part->records);
      parts.push_back(part->part);
    }
    EXPECT_LE(most, 800 / of + 40) << of;
    const auto joined = join_fingerprints(parts);
    ASSERT_TRUE(joined);
    EXPECT_EQ(joined->text, expected) << of;
    EXPECT_EQ(joined->records, 800u);
  }
  FingerprintOptions options;
  options.shard = Shard{2, 2};
  EXPECT_EQ(fingerprint(ds, options).error().code, Code::kInvalidArgument);
  const std::string no_part[] = {"abc"};
  EXPECT_EQ(join_fingerprints(no_part).error().code, Code::kInvalidArgument);
}

TEST(Fingerprint, EndsWhenItsCallerSaysSo) {
  Dataset ds = dataset_of();
  ASSERT_TRUE(ds.append(small_rows(range(0, 10))));
  FingerprintOptions options;
  options.progress = [](uint64_t) { return false; };
  EXPECT_EQ(fingerprint(ds, options).error().code, Code::kCancelled);
}

}  // namespace
}  // namespace dreamdb
