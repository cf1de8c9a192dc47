// A crash, a lost reply, a late write, a repeated one and an error at each single store operation
// of each verb that writes.
//
// After each: the store is opened anew and every ref must hold what it held before the step under
// way, or all that the step brings; never less than what was acknowledged. The step is then run
// again, as a user would, and the end must be the same as if nothing had happened.
#include <gtest/gtest.h>

#include <iostream>

#include "base/one_in.h"
#include "dreamdb/upkeep.h"
#include "store/fault_store.h"
#include "store/memory_store.h"
#include "tests/model/model.h"

namespace dreamdb {
namespace {

using model::Picture;
using model::row_range;

struct Step {
  std::string name;
  std::function<Status(Dataset&)> run;
  std::function<void(Picture&)> apply;
};

struct Script {
  std::string name;
  std::vector<Step> steps;
};

AppendOptions with(OnConflict on_conflict, std::string key = "") {
  AppendOptions options;
  options.on_conflict = on_conflict;
  options.idempotency_key = std::move(key);
  return options;
}

Status ok_of(const auto& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

// What was done by an attempt of which nobody heard is found done by the next one.
Status or_exists(Status status) {
  if (!status && status.error().code == Code::kAlreadyExists) return {};
  return status;
}

Step append_step(const std::vector<model::Row>& rows, const AppendOptions& options = {}) {
  return {"append", [=](Dataset& ds) { return ok_of(ds.append(model::rows_of(rows), options)); },
          [=](Picture& p) { p["main"].set(rows); }};
}

Step assigned_step(size_t count, uint64_t first_salt, const std::string& key) {
  return {"append without anchors",
          [=](Dataset& ds) {
            return ok_of(ds.append(model::unanchored_rows(count, model::kAssignedSalt + first_salt),
                                   with(OnConflict::kRefuse, key)));
          },
          [=](Picture& p) {
            for (size_t i = 0; i < count; ++i)
              p["main"].assigned.insert(model::kAssignedSalt + first_salt + i);
          }};
}

Step writer_step() {
  return {"writer of two commits",
          [](Dataset& ds) -> Status {
            WriterOptions options;
            options.append.idempotency_key = "job-7";
            options.commit_rows = 6;
            options.buffer_bytes = 1;
            DREAMDB_ASSIGN(Writer writer, ds.writer(options));
            for (uint64_t i = 0; i < 4; ++i)
              DREAMDB_TRY(writer.append(model::rows_of(row_range(300 + 3 * i, 3, 4))));
            return ok_of(writer.commit());
          },
          [](Picture& p) { p["main"].set(row_range(300, 12, 4)); }};
}

Step branch_step() {
  return {"branch and append",
          [](Dataset& ds) -> Status {
            if (auto made = ds.branch("side"); !made) DREAMDB_TRY(or_exists(ok_of(made)));
            return {};
          },
          [](Picture& p) { p["side"] = p["main"]; }};
}

Step snapshot_step() {
  return {"snapshot", [](Dataset& ds) { return or_exists(ok_of(ds.snapshot("v1"))); },
          [](Picture& p) { p["main@v1"] = p["main"]; }};
}

Step add_field_step() {
  return {"add a field", [](Dataset& ds) { return or_exists(ds.add_field(model::extra_field())); },
          [](Picture& p) { p["main"].has_extra = true; }};
}

Step fill_step(const std::vector<uint64_t>& anchors) {
  return {"fill the field",
          [=](Dataset& ds) { return ok_of(ds.append(model::extra_rows(anchors))); },
          [=](Picture& p) { p["main"].extras.insert(anchors.begin(), anchors.end()); }};
}

Step meta_step(const std::string& value) {
  return {"set meta", [=](Dataset& ds) { return ds.set_meta("license", value); },
          [=](Picture& p) { p["main"].meta["license"] = value; }};
}

Step remove_meta_step() {
  return {"remove meta", [](Dataset& ds) { return ds.remove_meta("license"); },
          [](Picture& p) { p["main"].meta.erase("license"); }};
}

Step delete_ref_step(const std::string& name) {
  return {"delete " + name,
          [=](Dataset& ds) -> Status {
            Status deleted = ds.delete_ref(name);
            if (!deleted && deleted.error().code == Code::kNotFound) return {};
            return deleted;
          },
          [=](Picture& p) { p.erase(name); }};
}

// Several commits, none of which changes what is read.
Step compact_step() {
  return {"compact",
          [](Dataset& ds) {
            CompactOptions options;
            options.commit_bytes = 1;
            return ok_of(compact(ds, options));
          },
          [](Picture&) {}};
}

std::vector<Script> scripts() {
  const auto ten = row_range(100, 10, 1);
  const auto over = row_range(105, 10, 2);  // half of them are there with another salt
  return {
      {"append", {append_step(ten)}},
      {"the same again", {append_step(ten), append_step(ten)}},
      {"replace", {append_step(ten), append_step(over, with(OnConflict::kReplace))}},
      {"two appends", {append_step(ten), append_step(row_range(51, 8, 1, 20))}},
      {"append with a key",
       {append_step(ten, with(OnConflict::kRefuse, "job-1")),
        append_step(row_range(400, 5, 1), with(OnConflict::kSkip, "job-2"))}},
      {"assigned anchors", {assigned_step(6, 10, "job-3"), assigned_step(4, 20, "job-4")}},
      {"writer", {writer_step()}},
      {"add a field", {add_field_step(), fill_step({20, 22, 24, 25})}},
      {"meta", {meta_step("CC0"), meta_step("CC-BY"), remove_meta_step()}},
      {"branch", {branch_step(), append_step(ten)}},
      {"snapshot", {snapshot_step(), append_step(ten)}},
      {"compact",
       {append_step(over, with(OnConflict::kReplace)), compact_step(),
        append_step(row_range(400, 5, 1))}},
      {"delete a ref", {branch_step(), delete_ref_step("side")}},
  };
}

// A dataset with two commits, so that appends meet pages and records that are there.
void set_up(const std::shared_ptr<Store>& store) {
  auto ds = create_in(model::space_on(store), "main", model::full_schema());
  ASSERT_TRUE(ds) << ds.error().message;
  ASSERT_TRUE(ds->append(model::rows_of(row_range(20, 12, 1))));
  ASSERT_TRUE(ds->append(model::rows_of(row_range(21, 12, 1, 9))));
}

Picture first_picture() {
  Picture picture;
  picture["main"].set(row_range(20, 12, 1));
  picture["main"].set(row_range(21, 12, 1, 9));
  return picture;
}

// How a run of a script ended: how many steps were acknowledged, and the error of the next one.
struct Run {
  size_t acknowledged = 0;
  std::optional<Error> error;
};

Run run_steps(const std::shared_ptr<Store>& store, const Script& script, size_t first) {
  Run run{first, std::nullopt};
  auto ds = open_in(model::space_on(store), "main");
  if (!ds) return {first, ds.error()};
  for (; run.acknowledged < script.steps.size(); ++run.acknowledged) {
    Status status = script.steps[run.acknowledged].run(*ds);
    if (!status) return {run.acknowledged, std::move(status).error()};
  }
  return run;
}

// What strikes operation `at`, by name.
struct Strike {
  std::string name;
  std::function<std::vector<FaultRule>(uint64_t at)> rules;
  bool crash = false;  // the process dies: an error is certain
};

FaultRule rule(FaultKind kind, uint64_t at, uint64_t late_by = 1) {
  FaultRule out;
  out.kind = kind;
  out.at = at;
  out.late_by = late_by;
  return out;
}

std::vector<Strike> strikes() {
  const auto one = [](FaultKind kind, uint64_t late_by = 1) {
    return [=](uint64_t at) { return std::vector{rule(kind, at, late_by)}; };
  };
  constexpr uint64_t kAfterTheEnd = 1'000'000;
  return {
      {"crash before", one(FaultKind::kCrashBefore), true},
      {"crash after", one(FaultKind::kCrashAfter), true},
      {"late, then crash",
       [](uint64_t at) {
         return std::vector{rule(FaultKind::kLate, at, kAfterTheEnd),
                            rule(FaultKind::kCrashBefore, at + 1)};
       }},
      {"reply lost", one(FaultKind::kReplyLost)},
      {"late by 1", one(FaultKind::kLate, 1)},
      {"late by 3", one(FaultKind::kLate, 3)},
      {"late after the end", one(FaultKind::kLate, kAfterTheEnd)},
      {"twice", one(FaultKind::kTwice)},
      {"error", one(FaultKind::kError)},
  };
}

class Case {
 public:
  Case(const Script& script, const Strike& strike, uint64_t at)
      : script_(script), strike_(strike), at_(at) {
    pictures_.push_back(first_picture());
    for (const Step& step : script.steps) {
      pictures_.push_back(pictures_.back());
      step.apply(pictures_.back());
    }
  }

  void run() {
    SCOPED_TRACE(script_.name + ", " + strike_.name + ", at operation " + std::to_string(at_));
    const auto inner = std::make_shared<MemoryStore>("crash");
    set_up(inner);
    const auto store = std::make_shared<FaultStore>(inner, FaultPlan{});
    store->set_plan({.rules = strike_.rules(at_)});
    const Run first = run_steps(store, script_, 0);
    if (strike_.crash) {
      EXPECT_TRUE(first.error) << "the process died, and yet nobody noticed";
    }
    if (first.error) {
      const Code code = first.error->code;
      EXPECT_TRUE(code == Code::kUnavailable || code == Code::kOutcomeUnknown)
          << code_name(code) << ": " << first.error->message;
    }
    check(inner, first.acknowledged, first.error.has_value());
    // A new process tries the step again; what was on its way arrives in the middle of that.
    const Run second = run_steps(inner, script_, first.acknowledged);
    EXPECT_FALSE(second.error) << second.error->message;
    store->run_late();
    remove_late_ref(*inner);
    check(inner, script_.steps.size(), false);
  }

 private:
  void check(const std::shared_ptr<Store>& store, size_t acknowledged, bool one_more) const {
    const auto seen = model::read_picture(store);
    ASSERT_TRUE(seen) << seen.error().message;
    const bool is_old = *seen == pictures_[acknowledged];
    const bool is_new = one_more && *seen == pictures_[acknowledged + 1];
    // A writer of several commits shows each of them; every one is whole.
    const bool is_between = one_more && script_.name == "writer" && whole_commits(*seen);
    EXPECT_TRUE(is_old || is_new || is_between) << acknowledged << " steps were acknowledged"
                                                << (one_more ? ", one was not" : "") << "\nfound:\n"
                                                << model::summary(*seen) << "expected:\n"
                                                << model::summary(pictures_[acknowledged]);
  }

  // "Make it if it is absent" that arrives after the name was made and deleted finds it absent: the
  // name is back, at the version it had. No store can tell this from a new wish.
  void remove_late_ref(Store& store) const {
    if (script_.name != "delete a ref" || strike_.name.find("late") == std::string::npos) return;
    const auto found = store.load("refs/side");
    if (!found) return;
    EXPECT_TRUE(store.swap_delete("refs/side", found->version));
  }

  static bool whole_commits(const Picture& seen) {
    Picture half = first_picture();
    half["main"].set(row_range(300, 6, 4));
    return seen == half;
  }

  const Script& script_;
  const Strike& strike_;
  const uint64_t at_;
  std::vector<Picture> pictures_;  // after each step
};

uint64_t count_operations(const Script& script) {
  const auto inner = std::make_shared<MemoryStore>("count");
  set_up(inner);
  const auto store = std::make_shared<FaultStore>(inner, FaultPlan{});
  const Run run = run_steps(store, script, 0);
  EXPECT_FALSE(run.error) << run.error->message;
  return store->operations();
}

void enumerate(const std::string& strike_name) {
  uint64_t points = 0;
  OneIn cases;
  for (const Strike& strike : strikes()) {
    if (strike.name != strike_name) continue;
    for (const Script& script : scripts()) {
      const uint64_t operations = count_operations(script);
      for (uint64_t at = 0; at < operations; ++at) {
        if (!cases.takes_next()) continue;
        ++points;
        Case(script, strike, at).run();
        if (::testing::Test::HasFatalFailure() || ::testing::Test::HasNonfatalFailure()) return;
      }
    }
  }
  EXPECT_GT(points, 0u);
  std::cout << strike_name << ": " << points << " points in " << scripts().size() << " scripts\n";
  ::testing::Test::RecordProperty("points", static_cast<int>(points));
}

class EachOperation : public ::testing::TestWithParam<std::string> {};

TEST_P(EachOperation, LeavesAWholeVersionAndCanBeRepeated) { enumerate(GetParam()); }

std::vector<std::string> strike_names() {
  std::vector<std::string> names;
  for (const Strike& strike : strikes()) names.push_back(strike.name);
  return names;
}

std::string word_of(const ::testing::TestParamInfo<std::string>& info) {
  std::string word = info.param;
  std::erase_if(word, [](char c) { return c == ' ' || c == ','; });
  return word;
}

INSTANTIATE_TEST_SUITE_P(Crash, EachOperation, ::testing::ValuesIn(strike_names()), word_of);

// Making a dataset is one swap too: the ref is there with its empty version, or not at all.
TEST(CrashAtCreate, LeavesTheRefOrNothing) {
  const auto probe = std::make_shared<FaultStore>(std::make_shared<MemoryStore>("c"), FaultPlan{});
  ASSERT_TRUE(create_in(model::space_on(probe), "main", model::full_schema()));
  for (const Strike& strike : strikes()) {
    for (uint64_t at = 0; at < probe->operations(); ++at) {
      SCOPED_TRACE(strike.name + " at " + std::to_string(at));
      const auto inner = std::make_shared<MemoryStore>("create");
      const auto store = std::make_shared<FaultStore>(inner, FaultPlan{});
      store->set_plan({.rules = strike.rules(at)});
      const auto made = create_in(model::space_on(store), "main", model::full_schema());
      const auto seen = model::read_picture(inner);
      ASSERT_TRUE(seen) << seen.error().message;
      EXPECT_TRUE(*seen == (Picture{{"main", {}}}) || (!made && seen->empty()));
      const auto again = create_in(model::space_on(inner), "main", model::full_schema());
      EXPECT_TRUE(again || again.error().code == Code::kAlreadyExists);
      store->run_late();
      ASSERT_TRUE(
          open_in(model::space_on(inner), "main")->append(model::rows_of(row_range(1, 3, 1))));
    }
  }
}

// A branch with records of its own, and with `both` records that only main has; what main holds
// when the branch is merged.
Picture set_up_branch(const std::shared_ptr<Store>& store, bool both) {
  set_up(store);
  auto main = open_in(model::space_on(store), "main");
  auto side = main->branch("side");
  const auto here = row_range(500, 10, 1), there = row_range(505, 10, 1);
  EXPECT_TRUE(side->append(model::rows_of(there), with(OnConflict::kRefuse, "job-9")));
  if (both) {
    EXPECT_TRUE(main->append(model::rows_of(here)));
  }
  auto merged = model::read_picture(store);
  if (both) merged->at("main").set(here);
  merged->at("main").set(there);
  return *merged;
}

Status merge_side(const std::shared_ptr<Store>& store) {
  const auto space = model::space_on(store);
  DREAMDB_ASSIGN(Dataset main, open_in(space, "main"));
  DREAMDB_ASSIGN(const Dataset side, open_in(space, "side"));
  return ok_of(main.merge(side));
}

// A merge is one swap, whether the ref only moves on or a version is made.
class CrashAtMerge : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Crash, CrashAtMerge, ::testing::Bool());

TEST_P(CrashAtMerge, LeavesAllOfItOrNothing) {
  const auto full = std::make_shared<MemoryStore>("count");
  const Picture merged = set_up_branch(full, GetParam());
  const auto probe = std::make_shared<FaultStore>(full, FaultPlan{});
  ASSERT_TRUE(merge_side(probe));
  EXPECT_TRUE(*model::read_picture(full) == merged);
  OneIn cases;
  for (const Strike& strike : strikes()) {
    for (uint64_t at = 0; at < probe->operations(); ++at) {
      if (!cases.takes_next()) continue;
      SCOPED_TRACE(strike.name + " at " + std::to_string(at));
      const auto inner = std::make_shared<MemoryStore>("merge");
      set_up_branch(inner, GetParam());
      const auto before = model::read_picture(inner);
      const auto store = std::make_shared<FaultStore>(inner, FaultPlan{});
      store->set_plan({.rules = strike.rules(at)});
      const Status first = merge_side(store);
      const auto seen = model::read_picture(inner);
      ASSERT_TRUE(seen) << seen.error().message;
      EXPECT_TRUE(*seen == merged || (!first && *seen == *before)) << model::summary(*seen);
      const Status second = merge_side(inner);
      EXPECT_TRUE(second) << second.error().message;
      store->run_late();
      EXPECT_TRUE(*model::read_picture(inner) == merged);
    }
  }
}

// The history is one chain with each acknowledged commit in it once, whatever the swap's reply.
TEST(CrashAtSwap, AppendsOnceWhenTheReplyIsLost) {
  for (const FaultKind kind : {FaultKind::kReplyLost, FaultKind::kLate, FaultKind::kTwice}) {
    const auto inner = std::make_shared<MemoryStore>("swap");
    set_up(inner);
    const auto store = std::make_shared<FaultStore>(inner, FaultPlan{});
    auto ds = open_in(model::space_on(store), "main");
    ASSERT_TRUE(ds);
    FaultRule lost;
    lost.kind = kind;
    lost.only_ops = ops(StoreOp::kSwap);
    lost.probability = 0.5;
    store->set_plan({.seed = 7, .rules = {lost}});
    const uint64_t before = ds->generation();
    for (uint64_t i = 0; i < 10; ++i) {
      const auto report = ds->append(model::unanchored_rows(3, model::kAssignedSalt + 3 * i));
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_EQ(report->records, 3u);
    }
    store->run_late();
    auto fresh = open_in(model::space_on(inner), "main");
    ASSERT_TRUE(fresh);
    EXPECT_EQ(fresh->generation(), before + 10);
    const auto state = model::read_state(*fresh);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(state->assigned.size(), 30u);
    EXPECT_EQ(*state->assigned.rbegin(), model::kAssignedSalt + 29);
  }
}

}  // namespace
}  // namespace dreamdb
