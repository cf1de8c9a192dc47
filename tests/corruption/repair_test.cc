// Whatever is missing or damaged of a version: `repair` publishes one that is whole and has all
// that is left, and says what it has not.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataset/small_dataset.h"
#include "dreamdb/upkeep.h"
#include "store/memory_store.h"
#include "tests/corruption/patch_store.h"
#include "tests/model/model.h"

namespace dreamdb::corruption {
namespace {

using namespace dreamdb::testing;

using Values = std::map<std::string, std::string>;  // by field
using Records = std::map<uint64_t, Values>;

std::string value_text(const Column& column, size_t row) {
  if (is_blob(column.type)) return std::string(column.blobs[row].view());
  if (is_string(column.type)) return std::string(column.text(row));
  const size_t width = is_matrix(column.type) ? 16 : 8;
  return std::string(column.values.slice(row * width, width).view());
}

Records read_all(const Dataset& ds) {
  Records out;
  for (const Batch& batch : all_batches(ds))
    for (size_t row = 0; row < batch.rows(); ++row) {
      Values& values = out[batch.anchors()[row]];
      for (const Column& column : batch.columns)
        if (column.is_valid(row)) values[column.name] = value_text(column, row);
    }
  return out;
}

// Records in segments with and without lists of anchors, of two appends that overlap in range,
// values that were replaced, layers, an index, codes of appends, and a ledger.
void fill(const std::shared_ptr<Store>& store) {
  auto ds = create_in(model::space_on(store), "main", small_schema());
  ASSERT_TRUE(ds);
  ASSERT_TRUE(ds->append(small_rows({0, 2, 4, 6, 9, 11})));
  IndexOptions index;
  index.cells = 2;
  ASSERT_TRUE(ds->reindex("emb", index));
  AppendOptions keyed;
  keyed.idempotency_key = "job";
  ASSERT_TRUE(ds->append(small_rows({1, 3, 8, 20}), keyed));
  ASSERT_TRUE(ds->append(small_rows(range(100, 5))));
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  NewRows other = small_rows({1001, 1002, 1003});
  other.anchors = buffer_of(std::vector<uint64_t>{2, 3, 20});
  ASSERT_TRUE(ds->append(std::move(other), replace));
}

std::shared_ptr<MemoryStore> copy_of(MemoryStore& store) {
  auto out = std::make_shared<MemoryStore>("copy");
  const auto objects = (*PatchStore::copy_of(store))->objects();
  for (const auto& [key, body] : objects) {
    if (key.starts_with("refs/")) {
      EXPECT_TRUE(out->swap(key, std::nullopt, body));
      continue;
    }
    const PutRequest put{key, body};
    EXPECT_TRUE(out->put_many({&put, 1})[0]);
  }
  return out;
}

// nullopt: the object is missing from now on.
void replace_object(MemoryStore& store, const std::string& key, std::optional<Buffer> body) {
  ASSERT_TRUE(store.delete_many({&key, 1})[0]);
  if (!body) return;
  const PutRequest put{key, *body};
  ASSERT_TRUE(store.put_many({&put, 1})[0]);
}

class Repair : public ::testing::Test {
 protected:
  void SetUp() override {
    golden_ = std::make_shared<MemoryStore>("golden");
    fill(golden_);
    objects_ = (*PatchStore::copy_of(*golden_))->objects();
    const Dataset ds = *open_in(model::space_on(golden_), "main");
    before_ = read_all(ds);
    auto history = *ds.history();
    for (auto commit = *history.next(); commit; commit = *history.next()) {
      OpenOptions at;
      at.manifest = commit->manifest;
      for (const auto& [anchor, values] : read_all(*open_in(model::space_on(golden_), "main", at)))
        for (const auto& [field, value] : values) older_[{anchor, field}].insert(value);
    }
  }

  struct Told {
    std::set<uint64_t> records;             // exactly
    std::vector<LostRows> unknown_records;  // ranges
    std::vector<LostRows> values;
  };

  // Repairs, and compares what is there then with what was there before.
  RepairReport repair_and_judge(const std::shared_ptr<MemoryStore>& store,
                                const std::string& what) {
    SCOPED_TRACE(what);
    Dataset ds = *open_in(model::space_on(store), "main");
    const std::string version = ds.manifest();
    Told told;
    RepairOptions options;
    options.on_lost = [&](const LostRows& lost) -> Status {
      const auto* anchors = reinterpret_cast<const uint64_t*>(lost.anchors.data());
      if (lost.field != "(records)")
        told.values.push_back(lost);
      else if (lost.anchors.empty())
        told.unknown_records.push_back(lost);
      else
        told.records.insert(anchors, anchors + lost.rows);
      return {};
    };
    options.dry_run = true;
    const auto planned = repair(ds, options);
    EXPECT_TRUE(planned) << planned.error().message;
    if (!planned) return {};
    EXPECT_EQ(ds.manifest(), version);
    EXPECT_EQ(planned->manifest, version);
    EXPECT_NE(planned->outcome, "repaired");
    told = {};
    options.dry_run = false;
    const auto report = repair(ds, options);
    EXPECT_TRUE(report) << report.error().message;
    if (!report) return {};
    EXPECT_EQ(report->manifest, ds.manifest());
    EXPECT_EQ(report->outcome == "clean", planned->outcome == "clean");
    EXPECT_EQ(report->records_lost, planned->records_lost);
    EXPECT_EQ(report->outcome == "clean", ds.manifest() == version);
    judge(*open_in(model::space_on(store), "main"), told, *report);
    return *report;
  }

  void judge(const Dataset& ds, const Told& told, const RepairReport& report) {
    VerifyOptions all;
    all.data = true;
    const auto verified = verify(ds, all);
    ASSERT_TRUE(verified) << verified.error().message;
    for (const Damage& damage : verified->damages) ADD_FAILURE() << damage.what;
    const Records after = read_all(ds);
    EXPECT_EQ(after.size(), *ds.count());
    for (const auto& [anchor, values] : after) EXPECT_TRUE(before_.contains(anchor)) << anchor;
    uint64_t gone = 0;
    for (const auto& [anchor, values] : before_) {
      const auto left = after.find(anchor);
      if (left == after.end()) {
        ++gone;
        EXPECT_TRUE(told.records.contains(anchor) || has(told.unknown_records, anchor, "(records)"))
            << anchor;
        continue;
      }
      EXPECT_FALSE(told.records.contains(anchor)) << anchor;
      for (const auto& [field, value] : values) {
        const auto kept = left->second.find(field);
        if (kept != left->second.end() && kept->second == value) continue;
        EXPECT_TRUE(has(told.values, anchor, field)) << anchor << " " << field;
        if (kept == left->second.end()) continue;
        EXPECT_TRUE(older_.at({anchor, field}).contains(kept->second)) << anchor << " " << field;
      }
    }
    if (report.pages_lost == 0) {
      EXPECT_EQ(report.records_lost, gone);
    }
    // Searches find what is there.
    const std::vector<float> query = {1, 0.5f, 1, 2};
    SearchOptions exact;
    exact.exact = true;
    const auto expected = ds.search("emb", query, 1, exact);
    const auto found = ds.search("emb", query, 1);
    ASSERT_TRUE(expected) << expected.error().message;
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->hits[0].rows.anchors_bytes.view(),
              expected->hits[0].rows.anchors_bytes.view());
    EXPECT_EQ(repair(const_cast<Dataset&>(ds), {})->outcome, "clean");
  }

  static bool has(const std::vector<LostRows>& lost, uint64_t anchor, const std::string& field) {
    return std::ranges::any_of(lost, [&](const LostRows& rows) {
      if (rows.field != field || anchor < rows.first || anchor > rows.last) return false;
      const auto* anchors = reinterpret_cast<const uint64_t*>(rows.anchors.data());
      return rows.anchors.empty() || std::binary_search(anchors, anchors + rows.rows, anchor);
    });
  }

  std::shared_ptr<MemoryStore> golden_;
  std::map<std::string, Buffer> objects_;
  Records before_;
  std::map<std::pair<uint64_t, std::string>, std::set<std::string>> older_;
};

bool is_data(const std::string& key) {
  return key.starts_with("segments/") || key.starts_with("pages/");
}

TEST_F(Repair, LeavesAWholeVersionAlone) {
  const auto store = copy_of(*golden_);
  const RepairReport report = repair_and_judge(store, "whole");
  EXPECT_EQ(report.outcome, "clean");
  EXPECT_EQ((*PatchStore::copy_of(*store))->objects().size(), objects_.size());
}

TEST_F(Repair, LeavesOutEachObjectThatIsMissingOrDamaged) {
  std::map<std::string, int> repaired;
  for (const auto& [key, body] : objects_) {
    if (!is_data(key)) continue;
    for (const bool is_missing : {true, false}) {
      const auto store = copy_of(*golden_);
      replace_object(*store, key,
                     is_missing ? std::nullopt : std::optional(flip_bit(body, body.size() / 3, 2)));
      const RepairReport report =
          repair_and_judge(store, key + (is_missing ? " missing" : " flipped"));
      repaired[report.outcome] += 1;
      EXPECT_LE(report.pages_lost + report.segments_lost, 1u);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(repaired["repaired"], 40);
  EXPECT_GT(repaired["clean"], 0) << "pages of older versions";
}

TEST_F(Repair, LeavesOutAnyTwo) {
  std::vector<std::string> keys;
  for (const auto& [key, body] : objects_)
    if (is_data(key)) keys.push_back(key);
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto store = copy_of(*golden_);
    replace_object(*store, keys[i], std::nullopt);
    replace_object(*store, keys[(i * 7 + 3) % keys.size()], std::nullopt);
    repair_and_judge(store, keys[i] + " and " + keys[(i * 7 + 3) % keys.size()]);
    if (HasFailure()) return;
  }
}

TEST_F(Repair, OfAllThatIsLostNothingIsLeft) {
  const auto store = copy_of(*golden_);
  for (const auto& [key, body] : objects_)
    if (key.starts_with("segments/")) replace_object(*store, key, std::nullopt);
  Dataset ds = *open_in(model::space_on(store), "main");
  const auto report = repair(ds);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(*ds.count(), 0u);
  EXPECT_EQ(report->records_lost, before_.size());
  EXPECT_EQ(report->indexes_dropped, std::vector<std::string>{"emb"});
  EXPECT_TRUE(verify(ds)->is_clean());
  ASSERT_TRUE(ds.append(small_rows({5}))) << "and it goes on";
}

TEST_F(Repair, NeedsABranch) {
  Dataset ds = *open_in(model::space_on(copy_of(*golden_)), "main");
  OpenOptions at;
  at.manifest = ds.manifest();
  Dataset pinned = *open_in(model::space_on(copy_of(*golden_)), "main", at);
  EXPECT_EQ(repair(pinned).error().code, Code::kDenied);
  RepairOptions options;
  options.dry_run = true;
  EXPECT_EQ(repair(pinned, options)->outcome, "clean");
}

}  // namespace
}  // namespace dreamdb::corruption
