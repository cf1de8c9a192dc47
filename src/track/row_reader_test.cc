// Reading rows and walking records of random versions with layers, against a map.
#include "track/row_reader.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>
#include <set>

#include "store/counting_store.h"
#include "track/record_scan.h"
#include "track/testing.h"
#include "track/tombstones.h"

namespace dreamdb {
namespace {

using namespace testing;

using Record = std::map<FieldId, std::string>;

class RandomVersion {
 public:
  RandomVersion(uint64_t seed, size_t rows_max) : random_(seed), rows_max_(rows_max) {
    for (const FieldType type : column_types()) {
      Field field = field_of(type, FieldId{0});
      field.name = "f" + std::to_string(fields_.size() + 1);
      EXPECT_TRUE(version_.manifest->schema.add(field));
      fields_.push_back(field);
    }
    fields_ = version_.manifest->schema.fields();
    for (size_t i = 2 + below(8); i > 0; --i) commit();
  }

  uint64_t below(uint64_t bound) { return random_() % bound; }

  void commit() {
    version_.next_commit();
    if (deletes_ && !records_.empty() && below(3) == 0) return erase();
    if (records_.empty() || below(2) == 0) {
      // New records, interleaved with those there are, in one segment or two.
      std::set<uint64_t> fresh;
      const uint64_t first = below(3 * rows_max_);
      const uint64_t step = 1 + below(5);
      const bool sequence = below(2) == 0;
      for (size_t i = 1 + below(rows_max_); i > 0; --i) {
        const uint64_t anchor = sequence ? first + i * step : below(10 * rows_max_);
        if (!records_.contains(anchor) && !deleted_.contains(anchor)) fresh.insert(anchor);
      }
      write({fresh.begin(), fresh.end()}, true);
    } else {
      // Values of old records are filled or replaced.
      std::vector<uint64_t> old;
      const uint64_t keep = 1 + below(10);
      for (const auto& [anchor, record] : records_)
        if (below(keep) == 0) old.push_back(anchor);
      write(old, false);
    }
  }

  void expect_read(const std::vector<uint64_t>& wanted) {
    std::vector<const Field*> fields;
    for (const Field& field : version_.manifest->schema.fields())
      if (below(3) > 0) fields.push_back(&field);
    const RowReader reader(*version_.objects, version_.manifest);
    auto plan = reader.plan(Buffer::copy_of(std::as_bytes(std::span(wanted))), fields, true);
    ASSERT_TRUE(plan) << plan.error().message;
    std::set<uint64_t> found;
    for (const MatchRun& run : plan->records)
      for (uint32_t i = run.pos; i < run.pos + run.len; ++i)
        ASSERT_TRUE(found.insert(wanted[i]).second);
    for (const uint64_t anchor : wanted)
      ASSERT_EQ(found.contains(anchor), records_.contains(anchor));
    // Rows that the cache has kept are those that were read.
    for (const Field* field : fields)
      if (is_matrix(field->type) && below(2) == 0) plan->keeps_rows_of = field->id;
    if (plan->keeps_rows_of != FieldId{0}) {
      ASSERT_TRUE(reader.fetch(*plan));
    }
    auto batch = reader.fetch(*plan);
    ASSERT_TRUE(batch) << batch.error().message;
    ASSERT_EQ(batch->columns.size(), fields.size());
    for (size_t c = 0; c < fields.size(); ++c) {
      const Strings texts = texts_of(batch->columns[c], wanted.size());
      for (size_t i = 0; i < wanted.size(); ++i) {
        std::optional<std::string> expected;
        const auto record = records_.find(wanted[i]);
        if (record != records_.end()) {
          const auto value = record->second.find(fields[c]->id);
          if (value != record->second.end()) expected = value->second;
        }
        ASSERT_EQ(texts[i], expected) << fields[c]->name << " at " << wanted[i];
      }
    }
  }

  std::vector<uint64_t> some_anchors() {
    std::set<uint64_t> out;
    const uint64_t kind = below(3);
    if (kind == 0) {
      for (const auto& [anchor, record] : records_) out.insert(anchor);
    } else if (kind == 1) {
      const uint64_t first = below(3 * rows_max_);
      for (uint64_t i = below(2 * rows_max_); i > 0; --i) out.insert(first + i);
    } else {
      for (uint64_t i = below(100); i > 0; --i) out.insert(below(12 * rows_max_));
    }
    return {out.begin(), out.end()};
  }

  void expect_scan() {
    const uint64_t first = below(3) == 0 ? below(8 * rows_max_) : 0;
    const uint64_t last = below(3) == 0 ? first + below(8 * rows_max_) : UINT64_MAX;
    std::vector<uint64_t> expected;
    for (const auto& [anchor, record] : records_)
      if (anchor >= first && anchor <= last) expected.push_back(anchor);
    // What is fetched along changes nothing.
    std::vector<const Root*> companions;
    if (below(2) == 0)
      for (const Root& root : version_.manifest->tracks)
        if (root.field != kRecordTrack) companions.push_back(&root);
    RecordScan scan(*version_.objects, version_.manifest, first, last, nullptr, companions);
    std::vector<uint64_t> found;
    for (;;) {
      const size_t rows_max = 1 + below(rows_max_);
      auto piece = scan.next(rows_max);
      ASSERT_TRUE(piece) << piece.error().message;
      if (piece->empty()) break;
      ASSERT_LE(piece->size() / 8, rows_max);
      const auto* anchors = reinterpret_cast<const uint64_t*>(piece->data());
      found.insert(found.end(), anchors, anchors + piece->size() / 8);
    }
    ASSERT_EQ(found, expected);
  }

  // Whatever is left out matches not.
  void expect_pruned(const std::string& text) {
    auto where = Where::parse(text);
    ASSERT_TRUE(where) << where.error().message;
    auto filter = Filter::bind(*where, version_.manifest->schema);
    ASSERT_TRUE(filter) << filter.error().message;
    RecordScan scan(*version_.objects, version_.manifest, 0, UINT64_MAX, &*filter);
    std::vector<uint64_t> kept;
    for (;;) {
      auto piece = scan.next(1000);
      ASSERT_TRUE(piece) << piece.error().message;
      if (piece->empty()) break;
      const auto* anchors = reinterpret_cast<const uint64_t*>(piece->data());
      kept.insert(kept.end(), anchors, anchors + piece->size() / 8);
    }
    ASSERT_TRUE(std::is_sorted(kept.begin(), kept.end()));
    const std::set<uint64_t> set(kept.begin(), kept.end());
    ASSERT_EQ(set.size(), kept.size());
    std::vector<uint64_t> all;
    for (const auto& [anchor, record] : records_) all.push_back(anchor);
    std::vector<const Field*> fields;
    for (const FieldId id : filter->fields()) fields.push_back(version_.manifest->schema.find(id));
    auto batch = RowReader(*version_.objects, version_.manifest)
                     .read(Buffer::copy_of(std::as_bytes(std::span(all))), fields);
    ASSERT_TRUE(batch);
    auto matches = filter->evaluate(*batch);
    ASSERT_TRUE(matches);
    for (size_t i = 0; i < all.size(); ++i) {
      ASSERT_TRUE(set.contains(all[i]) || (*matches)[i] == 0) << text << " at " << all[i];
    }
    left_out_ += all.size() - set.size();
  }

  size_t left_out() const { return left_out_; }

  void expect_tombstones() {
    std::vector<uint64_t> found;
    if (const Root* root = version_.manifest->find_tombstones(kRecordTrack)) {
      auto scan =
          RecordScan::of_tombstones(*version_.objects, version_.manifest, *root, 0, UINT64_MAX);
      for (;;) {
        auto piece = scan.next(1 + below(rows_max_));
        ASSERT_TRUE(piece) << piece.error().message;
        if (piece->empty()) break;
        const auto* anchors = reinterpret_cast<const uint64_t*>(piece->data());
        found.insert(found.end(), anchors, anchors + piece->size() / 8);
      }
    }
    ASSERT_TRUE(std::ranges::equal(found, deleted_));
    const std::vector<uint64_t> some = some_anchors();
    const auto taken = find_taken(*version_.objects, *version_.manifest, some);
    ASSERT_TRUE(taken);
    for (size_t i = 0; i < some.size(); ++i)
      ASSERT_EQ(!taken->empty() && (*taken)[i],
                records_.contains(some[i]) || deleted_.contains(some[i]));
    tombstones_ += found.size();
  }

  size_t tombstones() const { return tombstones_; }

 private:
  // Deletes some records, in one segment or two, and then some values.
  void erase() {
    std::vector<uint64_t> lists[2];
    const uint64_t keep = 1 + below(8);
    for (const auto& [anchor, record] : records_)
      if (below(keep) == 0) lists[below(2)].push_back(anchor);
    for (const std::vector<uint64_t>& list : lists) {
      for (const uint64_t anchor : list) records_.erase(anchor), deleted_.insert(anchor);
      if (list.empty()) continue;
      ASSERT_TRUE(version_.erase(kRecordTrack, list));
    }
    const Field& field = fields_[below(fields_.size())];
    std::vector<uint64_t> values;
    for (auto& [anchor, record] : records_)
      if (below(keep) == 0 && deleted_values_.emplace(field.id, anchor).second) {
        values.push_back(anchor);
        record.erase(field.id);
      }
    if (values.empty()) return;
    ASSERT_TRUE(version_.erase(field.id, values));
  }

  void write(const std::vector<uint64_t>& anchors, bool fresh) {
    if (anchors.empty()) return;
    std::vector<Column> columns;
    std::vector<FieldId> ids;
    // Values of one commit lie close together, so that statistics rule segments out.
    const uint64_t base = below(20) * 10;
    for (const Field& field : fields_) {
      const uint64_t nulls = below(3);
      if (nulls == 2 && below(2) == 0) continue;  // no column at all
      Texts values(anchors.size());
      std::vector<uint64_t> present;
      Texts dense;
      for (size_t i = 0; i < anchors.size(); ++i) {
        if (nulls > 0 && below(3) == 0) continue;
        values[i] = static_cast<int>(base + below(7));
        if (!deleted_values_.contains({field.id, anchors[i]}))
          records_[anchors[i]][field.id] = value_text(field, *values[i]);
        present.push_back(anchors[i]);
        dense.push_back(values[i]);
      }
      if (is_scalar(field.type)) {
        columns.push_back(column_of(field, values));
        ids.push_back(field.id);
      } else if (!present.empty()) {
        write_wide(field, present, column_of(field, dense));
      }
    }
    for (const uint64_t anchor : anchors) records_[anchor];
    std::vector<ScalarInput> inputs;
    for (size_t c = 0; c < columns.size(); ++c) inputs.push_back({ids[c], &columns[c]});
    const Status added =
        version_.add(kRecordTrack, build_scalar_segment(version_.nonce, anchors, inputs), fresh);
    ASSERT_TRUE(added) << added.error().message;
  }

  void write_wide(const Field& field, const std::vector<uint64_t>& anchors, const Column& column) {
    const Status added = version_.add(
        field.id,
        is_blob(field.type) ? build_blob_segment(version_.nonce, field.id, anchors, column.blobs,
                                                 field.type == FieldType::kText)
                            : build_matrix_segment(version_.nonce, field.id, anchors, field.dtype,
                                                   field.shape, column.values.span()),
        true);
    ASSERT_TRUE(added) << added.error().message;
  }

  std::mt19937_64 random_;
  const size_t rows_max_;
  TestVersion version_;
  std::vector<Field> fields_;
  std::map<uint64_t, Record> records_;
  const bool deletes_ = below(2) == 0;
  std::set<uint64_t> deleted_;
  std::set<std::pair<FieldId, uint64_t>> deleted_values_;
  size_t left_out_ = 0, tombstones_ = 0;
};

class Versions : public ::testing::TestWithParam<std::pair<size_t, uint64_t>> {
 protected:
  // Random versions, until one does not agree.
  template <typename F>
  static void each(const F& check) {
    const auto [rows_max, seeds] = GetParam();
    for (uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      RandomVersion version(seed, rows_max);
      if (!HasFailure()) check(version);
    }
  }
};

TEST_P(Versions, RowsAreThoseOfTheNewestLayers) {
  each([](RandomVersion& version) {
    for (int i = 0; i < 4; ++i) version.expect_read(version.some_anchors());
  });
}

TEST_P(Versions, RecordsComeInOrderAndOnce) {
  each([](RandomVersion& version) {
    for (int i = 0; i < 4; ++i) version.expect_scan();
  });
}

TEST_P(Versions, WhatIsDeletedIsToldAndTaken) {
  size_t tombstones = 0;
  each([&](RandomVersion& version) {
    for (int i = 0; i < 2; ++i) version.expect_tombstones();
    tombstones += version.tombstones();
  });
  EXPECT_GT(tombstones, 0u);
}

TEST_P(Versions, PruningLosesNoRow) {
  // f4 bool, f5 int, f8 string, f11 categorical; f3 an array.
  const std::vector<std::string> filters = {
      "f5 < 60",    "f5 between 100 and 120",      "f5 is null",         "not (f5 >= 30)",
      "f11 = ''",   "f8 in ('aa', 'bbb', 'cccc')", "f8 like 'b%'",       "f4",
      "f3 is null", "f5 < 60 and f4 is not null",  "f6 > 0 or f5 > 150",
  };
  size_t left_out = 0;
  each([&](RandomVersion& version) {
    for (const std::string& filter : filters) version.expect_pruned(filter);
    left_out += version.left_out();
  });
  EXPECT_GT(left_out, 0u);
}

// Many small ones, and some with several blocks a column.
INSTANTIATE_TEST_SUITE_P(Sizes, Versions,
                         ::testing::Values(std::pair<size_t, uint64_t>(12, 150),
                                           std::pair<size_t, uint64_t>(10'000, 4)),
                         [](const auto& test) {
                           return "rows" + std::to_string(test.param.first);
                         });

// What a read leaves in the cache is what the next one needs: the footers, not the blocks that hold
// one wanted value each.
TEST(RowReader, AScatteredReadKeepsFootersInTheCache) {
  constexpr size_t kSegments = 40, kRows = 16'384;
  TestVersion version;
  const Field field = field_of(FieldType::kInt, FieldId{1});
  ASSERT_TRUE(version.manifest->schema.add(field));
  std::mt19937_64 random(1);
  std::vector<uint64_t> wanted;  // one of each segment
  for (uint64_t first = 0; first < kSegments * kRows; first += kRows) {
    std::vector<uint64_t> anchors(kRows), values(kRows);
    std::iota(anchors.begin(), anchors.end(), first);
    std::generate(values.begin(), values.end(), std::ref(random));
    Column column = empty_column(field, 0);
    column.values = Buffer::copy_of(std::as_bytes(std::span(values)));
    const ScalarInput input{version.manifest->schema.fields()[0].id, &column};
    version.next_commit();
    ASSERT_TRUE(
        version.add(kRecordTrack, build_scalar_segment(version.nonce, anchors, {&input, 1}), true));
    wanted.push_back(first + random() % kRows);
  }
  const auto counting = std::make_shared<CountingStore>(version.store);
  Objects objects(counting, 2 << 20);
  const std::vector<const Field*> fields = {&version.manifest->schema.fields()[0]};
  const RowReader reader(objects, version.manifest);
  const auto read = [&] {
    const StoreCounts before = counting->snapshot();
    EXPECT_TRUE(reader.read(Buffer::copy_of(std::as_bytes(std::span(wanted))), fields));
    return counting->snapshot().since(before).requests_by_prefix["segments"];
  };
  EXPECT_EQ(read(), 2 * kSegments);  // footers and blocks
  EXPECT_EQ(read(), kSegments);
}

TEST(RowReader, RowsThatAreKeptAreNotReadAgain) {
  constexpr size_t kRows = 5'000, kDim = 256;
  TestVersion version;
  Field vector = field_of(FieldType::kEmbedding, FieldId{1});
  vector.shape = {kDim};
  ASSERT_TRUE(version.manifest->schema.add(vector));
  const Field& field = version.manifest->schema.fields()[0];
  std::vector<uint64_t> anchors(kRows);
  std::vector<float> values(kRows * kDim);
  std::iota(anchors.begin(), anchors.end(), 100);
  std::iota(values.begin(), values.end(), 0.0f);
  version.next_commit();
  ASSERT_TRUE(version.add(field.id,
                          build_matrix_segment(version.nonce, field.id, anchors, field.dtype,
                                               field.shape, std::as_bytes(std::span(values))),
                          false));
  const auto counting = std::make_shared<CountingStore>(version.store);
  Objects objects(counting, 8 << 20);
  const RowReader reader(objects, version.manifest);
  const auto read = [&](const std::vector<uint64_t>& wanted) {
    const StoreCounts before = counting->snapshot();
    const std::vector<const Field*> fields = {&field};
    auto plan = reader.plan(Buffer::copy_of(std::as_bytes(std::span(wanted))), fields);
    EXPECT_TRUE(plan);
    plan->keeps_rows_of = field.id;
    const auto batch = reader.fetch(*plan);
    EXPECT_TRUE(batch);
    const auto* found = reinterpret_cast<const float*>(batch->columns[0].values.data());
    for (size_t i = 0; i < wanted.size(); ++i)
      EXPECT_EQ(found[kDim * i + 2], static_cast<float>(kDim * (wanted[i] - 100) + 2));
    return counting->snapshot().since(before);
  };
  constexpr uint64_t kRowBytes = kDim * 4, kBlockBytes = 16 << 10;
  read({100});  // pages and the footer
  const StoreCounts fresh = read({150, 1000, 4000});
  EXPECT_EQ(fresh.requests(), 3u);
  EXPECT_EQ(fresh.read_bytes, 3 * kBlockBytes);
  EXPECT_EQ(read({150, 1000, 4000}).requests(), 0u);
  // Another row of a block that was read is read alone.
  const StoreCounts next = read({100, 101, 150, 2000, 4000, 4001});
  EXPECT_EQ(next.requests(), 3u);
  EXPECT_EQ(next.read_bytes, 2 * kRowBytes + kBlockBytes);
  // Of a block of which most is wanted all is read at once.
  const StoreCounts dense = read({1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009});
  EXPECT_EQ(dense.requests(), 1u);
}

}  // namespace
}  // namespace dreamdb
