// Merges of random branches against the model: what both have, or a refusal where both changed a
// value differently; the same whoever merges whom, and in what order.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/one_in.h"
#include "dataset/model_writes.h"
#include "dreamdb/upkeep.h"

namespace dreamdb {
namespace {

using namespace testing;

using Cell = std::pair<uint64_t, std::string>;  // anchor, field

class Branches : public ModelWrites {
 public:
  using ModelWrites::ModelWrites;

  // One side: its dataset, its model, and the values it has written since it parted.
  struct Side {
    Dataset ds;
    ModelVersion model;
    std::set<Cell> written;
  };

  void run() {
    Side base{handles_[0].ds, versions_.at(handles_[0].ds.manifest()), {}};
    write(base, 1 + random_.below(3));
    if (random_.chance(50)) index(base);
    std::vector<Side> sides;
    for (size_t i = 0; i < 2 + random_.below(2); ++i) {
      sides.push_back({*base.ds.branch("side" + std::to_string(i)), base.model, {}});
      write(sides.back(), 1 + random_.below(3));
      if (random_.chance(20)) index(sides.back());
      if (random_.chance(50)) write(sides.back(), 1);
    }
    if (!::testing::Test::HasFailure()) merge(base, sides);
  }

 private:
  void write(Side& side, size_t times) {
    for (size_t n = 0; n < times; ++n) {
      const std::vector<Field> fields = some_fields(side.model, random_.chance(80));
      const std::vector<ModelRow> rows = some_rows(fields, random_.chance(50) ? 0 : 40);
      AppendOptions options;
      options.on_conflict = some_mode();
      ModelAppend expected = model_append(side.model, rows, options.on_conflict);
      const auto report = side.ds.append(rows_of(rows, fields), options);
      ASSERT_EQ(report.has_value(), !expected.error);
      if (!report) continue;
      for (const auto& [anchor, values] : expected.written)
        for (const auto& [field, value] : values) side.written.emplace(anchor, field);
      side.model.records = std::move(expected.records);
      if (random_.chance(30)) erase(side);
    }
  }

  void erase(Side& side) {
    std::vector<uint64_t> anchors;
    for (const auto& [anchor, values] : side.model.records)
      if (random_.chance(20)) anchors.push_back(anchor);
    const std::string field =
        random_.chance(40) ? random_.pick<std::string>({"n", "img", "f"}) : "";
    DeleteOptions options;
    if (!field.empty()) options.fields = std::vector<std::string>{field};
    const auto report = side.ds.delete_records(anchors, options);
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_EQ(report->deleted, side.model.erase(anchors, field));
  }

  void index(Side& side) {
    IndexOptions options;
    options.seed = random_.below(100);
    (void)side.ds.reindex("emb", options);  // refused while there is no embedding
  }

  static bool is_deleted(const ModelVersion& version, const Cell& cell) {
    return version.deleted.contains(cell.first) || version.deleted_values.contains(cell);
  }

  // The sides one after the other on the base; false: two have changed a value differently that
  // neither has deleted. What either has deleted is deleted.
  static bool unite(Side& all, const Side& side) {
    ModelVersion& model = all.model;
    for (const Cell& cell : side.written)
      if (all.written.contains(cell) && !is_deleted(model, cell) && !is_deleted(side.model, cell) &&
          model.records[cell.first][cell.second] !=
              side.model.records.at(cell.first).at(cell.second))
        return false;
    for (const auto& [anchor, values] : side.model.records) {
      if (model.deleted.contains(anchor)) continue;
      Values& held = model.records[anchor];
      for (const auto& [field, value] : values)
        if (side.written.contains({anchor, field}) &&
            !model.deleted_values.contains({anchor, field}))
          held[field] = value;
    }
    for (const uint64_t anchor : side.model.deleted) model.records.erase(anchor);
    model.deleted.insert(side.model.deleted.begin(), side.model.deleted.end());
    for (const Cell& cell : side.model.deleted_values)
      if (model.records.contains(cell.first)) model.records[cell.first].erase(cell.second);
    model.deleted_values.insert(side.model.deleted_values.begin(), side.model.deleted_values.end());
    all.written.insert(side.written.begin(), side.written.end());
    return true;
  }

  void merge(const Side& base, const std::vector<Side>& sides) {
    Side all{sides[0].ds, sides[0].model, sides[0].written};
    bool goes = true;
    for (size_t i = 1; i < sides.size() && goes; ++i) goes = unite(all, sides[i]);
    std::vector<Dataset> merged;
    std::set<std::string> prints;
    for (size_t first = 0; first < sides.size(); ++first) {
      Dataset target = *sides[first].ds.branch("merged" + std::to_string(first));
      std::vector<Dataset> others;
      for (size_t i = 1; i < sides.size(); ++i)
        others.push_back(sides[(first + i) % sides.size()].ds);
      const auto report = target.merge(others);
      ASSERT_EQ(report.has_value(), goes) << (report ? "" : report.error().message);
      if (!goes) {
        ASSERT_EQ(report.error().code, Code::kConflict);
        ASSERT_EQ(target.manifest(), sides[first].ds.manifest());
        continue;
      }
      reads_.check(target, all.model);
      prints.insert(fingerprint(target)->text);
      merged.push_back(target);
    }
    EXPECT_EQ(prints.size(), goes ? 1u : 0u) << "the order of merges shows";
    // Branches that have merged each other have the same, and nothing more to merge.
    for (Dataset& target : merged) {
      ASSERT_EQ(target.merge(target)->outcome, "up-to-date");
      for (const Side& side : sides) ASSERT_EQ(target.merge(side.ds)->outcome, "up-to-date");
      const auto again = target.merge(merged);
      ASSERT_TRUE(again) << again.error().message;
      reads_.check(target, all.model);
    }
    // What they merged is as it was.
    reads_.check(base.ds, base.model);
    for (const Side& side : sides) reads_.check(side.ds, side.model);
  }
};

// Two branches that go on writing and merge each other again and again, with every write told from
// the others: a value gives way only to one whose side has seen it.
class Friends : public ModelWrites {
 public:
  using ModelWrites::ModelWrites;

  // What a side knows of the writes of one value.
  struct Knowledge {
    std::set<int> seen;
    std::set<int> newest;  // those that wrote what it has; more than one where they wrote the same
  };
  struct Side {
    Dataset ds;
    ModelVersion model;
    std::map<Cell, Knowledge> cells;
  };

  void run() {
    const Dataset& main = handles_[0].ds;
    const ModelVersion& first = versions_.at(main.manifest());
    Side sides[] = {{*main.branch("left"), first, {}}, {*main.branch("right"), first, {}}};
    for (int round = 0; round < 6 && !::testing::Test::HasFailure(); ++round) {
      for (Side& side : sides)
        if (random_.chance(60)) write(side);
      const size_t target = random_.below(2);
      merge(sides[target], sides[1 - target]);
      for (const Side& side : sides) reads_.check(side.ds, side.model);
    }
  }

 private:
  void write(Side& side) {
    const std::vector<Field> fields = some_fields(side.model, random_.chance(80));
    const std::vector<ModelRow> rows = some_rows(fields, 40);
    AppendOptions options;
    options.on_conflict = random_.chance(70) ? OnConflict::kReplace : OnConflict::kSkip;
    ModelAppend expected = model_append(side.model, rows, options.on_conflict);
    ASSERT_EQ(side.ds.append(rows_of(rows, fields), options).has_value(), !expected.error);
    if (expected.error) return;
    ++writes_;
    for (const auto& [anchor, values] : expected.written)
      for (const auto& [field, value] : values) {
        Knowledge& cell = side.cells[{anchor, field}];
        cell.newest = {writes_};
        cell.seen.insert(writes_);
      }
    side.model.records = std::move(expected.records);
  }

  static bool has_all(const std::set<int>& of, const std::set<int>& wanted) {
    return std::ranges::includes(of, wanted);
  }
  static bool has_one(const std::set<int>& of, const std::set<int>& wanted) {
    return std::ranges::any_of(wanted, [&](int write) { return of.contains(write); });
  }

  void merge(Side& target, const Side& source) {
    MergeReport refused;
    MergeOptions options;
    options.refused = &refused;
    const auto report = target.ds.merge(source.ds, options);
    if (!report) {
      ASSERT_EQ(report.error().code, Code::kConflict) << report.error().message;
      for (const MergeConflict& conflict : refused.conflicts) {
        // Of embeddings that both wrote at once one segment is left out, and with it what was seen.
        if (conflict.field == "emb") continue;
        const Cell cell{conflict.anchor, conflict.field};
        const Knowledge &ours = target.cells.at(cell), &theirs = source.cells.at(cell);
        EXPECT_FALSE(has_all(ours.seen, theirs.newest) || has_all(theirs.seen, ours.newest))
            << "anchor " << conflict.anchor << ", field " << conflict.field;
      }
      return;
    }
    for (const auto& [anchor, values] : source.model.records) target.model.records[anchor];
    for (const auto& [cell, theirs] : source.cells) take(target, cell, theirs, source);
  }

  void take(Side& target, const Cell& cell, const Knowledge& theirs, const Side& source) {
    Knowledge& ours = target.cells[cell];
    const auto& [anchor, field] = cell;
    const std::string& value = source.model.records.at(anchor).at(field);
    Values& held = target.model.records[anchor];
    if (ours.newest.empty()) {
      held[field] = value;
      ours.newest = theirs.newest;
    } else if (held.at(field) == value) {
      ours.newest.insert(theirs.newest.begin(), theirs.newest.end());
    } else {
      const auto batch = target.ds.take({{anchor}}, std::vector<std::string>{field});
      ASSERT_TRUE(batch) << batch.error().message;
      const auto now = model_value(target.model.field(field), batch->columns[0], 0);
      const bool gave_way = now == value;
      ASSERT_TRUE(gave_way || now == held[field]);
      EXPECT_TRUE(gave_way ? has_one(theirs.seen, ours.newest) : has_one(ours.seen, theirs.newest))
          << "anchor " << anchor << ", field " << field;
      if (gave_way) {
        held[field] = value;
        ours.newest = theirs.newest;
      }
    }
    ours.seen.insert(theirs.seen.begin(), theirs.seen.end());
  }

  int writes_ = 0;
};

TEST(MergeProperty, LosesNothingHoweverOftenBranchesMergeEachOther) {
  for (uint64_t seed = 1; seed <= OneIn().of(100) && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Friends(seed).run();
  }
}

TEST(MergeProperty, IsWhatTheModelSaysInAnyOrder) {
  for (uint64_t seed = 1; seed <= OneIn().of(300) && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Branches(seed).run();
  }
}

}  // namespace
}  // namespace dreamdb
