// Every script of up to two verbs of the alphabet (DREAMDB_SCRIPT_VERBS=3: of up to three), killed
// before and after each of its store operations, and with each reply lost.
//
// After each: the store is opened anew and every ref must hold what it held before the verb under
// way, or all that the verb brings; never less than what was acknowledged. The verb is then run
// again, as a user would, then the rest of the script, and the end must be the same as if nothing
// had happened.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "base/one_in.h"
#include "runtime/quick_runtime.h"
#include "store/fault_store.h"
#include "store/memory_store.h"
#include "tests/model/version.h"
#include "upkeep/collect.h"

namespace dreamdb {
namespace {

using model::ModelVersion;
using model::row_range;
using model::rows_of;
using model::small_schema;

using Refs = std::map<std::string, ModelVersion>;

// The clock of all stores; hours pass before a collection.
QuickRuntime& runtime() {
  static auto* const one = new QuickRuntime;
  return *one;
}
constexpr uint64_t kAllIsOldNs = 3 * 3'600'000'000'000;

// What a verb acts on.
struct Process {
  std::shared_ptr<Store> store;
  std::shared_ptr<Space> space;
  Dataset main;
};

// `place` is where in the script it stands, so that no two verbs mean the same rows and names.
struct Verb {
  std::string name;
  std::function<Status(Process& process, size_t place)> run;
  std::function<void(Refs& refs, size_t place)> apply;
};

Status ok_of(const auto& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

// What was done by an attempt of which nobody heard is found done by the next one.
Status or_exists(Status status) {
  if (!status && status.error().code == Code::kAlreadyExists) return {};
  return status;
}

std::string numbered(const std::string& name, size_t place) { return name + std::to_string(place); }

void append_to(ModelVersion& version, const std::vector<model::Row>& rows, OnConflict mode,
               uint64_t write) {
  const auto next = model::append(version, rows, mode, write);
  ASSERT_TRUE(next);
  version = *next;
}

std::vector<model::Row> new_rows(size_t place) { return row_range(100 + 50 * place, 4, 2, 3); }

const std::vector<model::Row> kFirst = row_range(20, 8, 1);
const std::vector<model::Row> kOnSide = row_range(24, 8, 1, 2);
const std::vector<model::Row> kOnMain = row_range(30, 4, 1, 4);  // some are on side too

std::vector<Verb> alphabet() {
  return {
      {"append",
       [](Process& process, size_t place) {
         return ok_of(process.main.append(rows_of(new_rows(place), small_schema())));
       },
       [](Refs& refs, size_t place) {
         append_to(refs["main"], new_rows(place), OnConflict::kRefuse, 10 + place);
       }},
      {"append same",
       [](Process& process, size_t) {
         return ok_of(process.main.append(rows_of(row_range(20, 2, 1), small_schema())));
       },
       [](Refs&, size_t) {}},
      {"replace",
       [](Process& process, size_t place) {
         AppendOptions options;
         options.on_conflict = OnConflict::kReplace;
         options.idempotency_key = numbered("replace ", place);
         return ok_of(
             process.main.append(rows_of(row_range(22, 3, 5 + place), small_schema()), options));
       },
       [](Refs& refs, size_t place) {
         append_to(refs["main"], row_range(22, 3, 5 + place), OnConflict::kReplace, 20 + place);
       }},
      {"delete",
       [](Process& process, size_t) {
         return ok_of(process.main.delete_records(std::vector<uint64_t>{25, 26, 27}));
       },
       [](Refs& refs, size_t) {
         const uint64_t anchors[] = {25, 26, 27};
         refs["main"] = *model::remove_records(refs["main"], anchors);
       }},
      {"branch",
       [](Process& process, size_t place) {
         return or_exists(ok_of(process.main.branch(numbered("b", place))));
       },
       [](Refs& refs, size_t place) { refs[numbered("b", place)] = refs["main"]; }},
      {"snapshot",
       [](Process& process, size_t place) {
         return or_exists(ok_of(process.main.snapshot(numbered("v", place))));
       },
       [](Refs& refs, size_t place) { refs[numbered("main@v", place)] = refs["main"]; }},
      {"merge",
       [](Process& process, size_t) -> Status {
         DREAMDB_ASSIGN(const Dataset side, open_in(process.space, "side"));
         return ok_of(process.main.merge(side));
       },
       [](Refs& refs, size_t) {
         const auto merged = model::merge(refs["main"], refs["side"]);
         ASSERT_TRUE(merged);
         refs["main"] = *merged;
       }},
      {"restore",
       [](Process& process, size_t) -> Status {
         DREAMDB_ASSIGN(const Dataset first, open_in(process.space, "main@first"));
         return ok_of(process.main.restore(first));
       },
       [](Refs& refs, size_t place) {
         refs["main"] = model::restore(refs["main"], refs["main@first"], 40 + place);
       }},
      {"expire and collect",
       [](Process& process, size_t) {
         runtime().sleep_ns(kAllIsOldNs);
         GcOptions options;
         options.keep_last = 1;
         return ok_of(collect(process.store, runtime(), options));
       },
       [](Refs&, size_t) {}},
      {"reindex",
       [](Process& process, size_t place) {
         IndexOptions options;
         options.cells = 2;
         options.seed = place;
         return ok_of(process.main.reindex("emb", options));
       },
       [](Refs&, size_t) {}},
      {"add field",
       [](Process& process, size_t) {
         return or_exists(process.main.add_field(model::extra_field()));
       },
       [](Refs& refs, size_t) { refs["main"].state.has_extra = true; }},
  };
}

// A dataset with two commits, and a branch that has records which main has too, or lacks.
Refs set_up(const std::shared_ptr<Store>& store) {
  const auto space = model::space_on(store);
  auto main = create_in(space, "main", small_schema());
  EXPECT_TRUE(main && main->append(rows_of(kFirst, small_schema())));
  auto side = main->branch("side");
  EXPECT_TRUE(side && side->append(rows_of(kOnSide, small_schema())));
  EXPECT_TRUE(main->snapshot("first"));
  EXPECT_TRUE(main->append(rows_of(kOnMain, small_schema())));
  Refs refs;
  append_to(refs["main"], kFirst, OnConflict::kRefuse, 1);
  refs["side"] = refs["main"];
  append_to(refs["side"], kOnSide, OnConflict::kRefuse, 2);
  refs["main@first"] = refs["main"];
  append_to(refs["main"], kOnMain, OnConflict::kRefuse, 3);
  return refs;
}

// A store with the same objects and refs.
std::shared_ptr<MemoryStore> copy_of(Store& from) {
  auto out = std::make_shared<MemoryStore>("script", runtime());
  const ListPage page = *from.list("", "", 10'000);
  for (const ListedObject& object : page.objects) {
    if (const auto loaded = from.load(object.key)) {
      EXPECT_TRUE(out->swap(object.key, std::nullopt, loaded->body));
      continue;
    }
    const ReadRequest whole{object.key};
    const PutRequest put{object.key, *from.read_many(std::span(&whole, 1)).front()};
    EXPECT_TRUE(out->put_many(std::span(&put, 1)).front());
  }
  return out;
}

using Script = std::vector<const Verb*>;

std::string name_of(const Script& script) {
  std::string out;
  for (const Verb* verb : script) out += (out.empty() ? "" : ", ") + verb->name;
  return out;
}

// How a run of a script ended: how many verbs were acknowledged, and the error of the next one.
struct Run {
  size_t acknowledged = 0;
  std::optional<Error> error;
};

Run run_script(const std::shared_ptr<Store>& store, const Script& script, size_t first) {
  const auto space = model::space_on(store);
  auto main = open_in(space, "main");
  if (!main) return {first, main.error()};
  Process process{store, space, *std::move(main)};
  for (size_t i = first; i < script.size(); ++i) {
    Status status = script[i]->run(process, i);
    if (!status) return {i, std::move(status).error()};
  }
  return {script.size(), std::nullopt};
}

class Scripts {
 public:
  explicit Scripts(FaultKind kind) : kind_(kind) { first_ = set_up(base_); }

  void run_all(size_t length_max) {
    for (size_t length = 1; length <= length_max; ++length) extend({}, length);
    EXPECT_GT(points_, 0u);
    std::cout << scripts_ << " scripts, " << points_ << " points\n";
  }

 private:
  void extend(const Script& script, size_t left) {
    if (::testing::Test::HasFailure()) return;
    if (left == 0) return run(script);
    for (const Verb& verb : verbs_) {
      Script longer = script;
      longer.push_back(&verb);
      extend(longer, left - 1);
    }
  }

  void run(const Script& script) {
    SCOPED_TRACE(name_of(script));
    ++scripts_;
    std::vector<Refs> refs = {first_};
    for (size_t i = 0; i < script.size(); ++i) {
      refs.push_back(refs.back());
      script[i]->apply(refs.back(), i);
    }
    const auto counted = std::make_shared<FaultStore>(copy_of(*base_), FaultPlan{});
    const Run whole = run_script(counted, script, 0);
    ASSERT_FALSE(whole.error) << whole.error->message;
    const uint64_t operations = counted->operations();
    for (uint64_t at = 0; at < operations && !::testing::Test::HasFailure(); ++at) {
      if (!cases_.takes_next()) continue;
      ++points_;
      SCOPED_TRACE("operation " + std::to_string(at));
      strike(script, refs, at, operations);
    }
  }

  void strike(const Script& script, const std::vector<Refs>& refs, uint64_t at,
              uint64_t operations) {
    const auto inner = copy_of(*base_);
    const auto store = std::make_shared<FaultStore>(inner, FaultPlan{});
    store->set_plan({.rules = {{.kind = kind_, .at = at}}});
    const Run first = run_script(store, script, 0);
    // A collection has done its work when it ends its session, with its last request.
    if (kind_ != FaultKind::kReplyLost && at + 1 < operations) {
      EXPECT_TRUE(first.error) << "the process died, and yet nobody noticed";
    }
    if (first.error) {
      EXPECT_TRUE(first.error->code == Code::kUnavailable ||
                  first.error->code == Code::kOutcomeUnknown)
          << first.error->message;
    }
    const Refs& next = refs[first.acknowledged + (first.error ? 1 : 0)];
    check(inner, refs[first.acknowledged], next);
    const Run second = run_script(inner, script, first.acknowledged);
    EXPECT_FALSE(second.error) << second.error->message;
    check(inner, refs.back(), refs.back());
  }

  static void check(const std::shared_ptr<Store>& store, const Refs& before, const Refs& after) {
    const auto seen = model::read_picture(store);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_TRUE(*seen == picture_of(before) || *seen == picture_of(after))
        << "found:\n"
        << model::summary(*seen) << "before:\n"
        << model::summary(picture_of(before)) << "after:\n"
        << model::summary(picture_of(after));
  }

  static model::Picture picture_of(const Refs& refs) {
    model::Picture out;
    for (const auto& [name, version] : refs) out[name] = version.state;
    return out;
  }

  const FaultKind kind_;
  const std::vector<Verb> verbs_ = alphabet();
  const std::shared_ptr<MemoryStore> base_ = std::make_shared<MemoryStore>("base", runtime());
  Refs first_;
  OneIn cases_;
  uint64_t scripts_ = 0, points_ = 0;
};

class EveryScript : public ::testing::TestWithParam<FaultKind> {};

TEST_P(EveryScript, LeavesWholeVersionsAndCanBeRepeated) {
  const char* const text = std::getenv("DREAMDB_SCRIPT_VERBS");
  Scripts(GetParam()).run_all(text == nullptr ? 2 : std::strtoull(text, nullptr, 10));
}

std::string word_of(const ::testing::TestParamInfo<FaultKind>& info) {
  switch (info.param) {
    case FaultKind::kCrashBefore: return "KilledBefore";
    case FaultKind::kCrashAfter: return "KilledAfter";
    default: return "ReplyLost";
  }
}

INSTANTIATE_TEST_SUITE_P(Crash, EveryScript,
                         ::testing::Values(FaultKind::kCrashBefore, FaultKind::kCrashAfter,
                                           FaultKind::kReplyLost),
                         word_of);

}  // namespace
}  // namespace dreamdb
