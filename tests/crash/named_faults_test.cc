// A list of faults by name, each kind at each kind of request: a script of every verb runs under
// each, and its outcome is compared with the model on the store itself.
//
// What holds for each: what was acknowledged is there, whole and once; what failed is there wholly
// or not at all; a read is right or an error; an error names the key or the ref; nobody waits
// longer than the time that is stated; and once the fault is over, what failed works. Where a store
// broke what it was given and said ok, wrong bytes are found by whoever reads them.
#include <gtest/gtest.h>

#include <iostream>

#include "base/one_in.h"
#include "runtime/quick_runtime.h"
#include "store/fault_store.h"
#include "store/memory_store.h"
#include "tests/model/model.h"
#include "version/tip.h"

namespace dreamdb {
namespace {

using model::Picture;
using model::row_range;

// A swap is asked about for a minute; the script's longest step has two, and delays besides.
constexpr uint64_t kStepBudgetNs = 2 * kUnansweredBudgetNs + 60'000'000'000;
constexpr uint64_t kRealBudgetNs = 30'000'000'000;

// What a caller may expect of the script.
enum class Promise : uint8_t {
  kNothingSeen,   // every step succeeds
  kErrors,        // steps may fail; when the fault is over they succeed
  kBrokenAtRest,  // the store kept something else than it was given: found by who reads it
};

struct NamedFault {
  std::string name;
  FaultRule rule;
  Promise promise;
};

struct Target {
  std::string name;
  StoreOp op;
  std::string prefix;
};

const std::vector<Target> kGets = {{"get manifest", StoreOp::kGet, "manifests/"},
                                   {"get page", StoreOp::kGet, "pages/"},
                                   {"get segment", StoreOp::kGet, "segments/"}};
const std::vector<Target> kPuts = {{"put manifest", StoreOp::kPut, "manifests/"},
                                   {"put page", StoreOp::kPut, "pages/"},
                                   {"put segment", StoreOp::kPut, "segments/"}};
const Target kLoad = {"load ref", StoreOp::kLoad, "refs/"};
const Target kSwap = {"swap ref", StoreOp::kSwap, "refs/"};
const Target kDelete = {"delete ref", StoreOp::kSwap, "refs/doomed"};
const Target kList = {"list refs", StoreOp::kList, "refs/"};

class List {
 public:
  void add(const std::string& what, const Target& at, Promise promise, FaultRule rule) {
    rule.only_ops = ops(at.op);
    rule.key_prefix = at.prefix;
    faults_.push_back({at.name + ": " + what, rule, promise});
  }
  void add_once(const std::string& what, const Target& at, Promise promise, FaultRule rule) {
    rule.times_max = 1;
    add(what + ", once", at, promise, rule);
  }
  std::vector<NamedFault> take() { return std::move(faults_); }

 private:
  std::vector<NamedFault> faults_;
};

void add_errors(List& list, const Target& at) {
  const Promise errors = Promise::kErrors;
  list.add("server error or throttling (5xx, 429)", at, errors, {.code = Code::kUnavailable});
  list.add("denied (403)", at, errors, {.code = Code::kDenied});
  list.add("answered late", at, Promise::kNothingSeen,
           {.kind = FaultKind::kDelay, .delay_ns = 2'000'000'000});
}

// Where the script makes many such requests.
void add_chances(List& list, const Target& at) {
  list.add("half of the requests fail", at, Promise::kErrors,
           {.probability = 0.5, .code = Code::kUnavailable});
}

void add_reads(List& list, const Target& at) {
  const Promise errors = Promise::kErrors;
  list.add("the reply is lost", at, errors, {.kind = FaultKind::kReplyLost});
  list.add("cut body", at, errors, {.kind = FaultKind::kCutBody});
  list.add("flipped bit", at, errors, {.kind = FaultKind::kFlipBit});
  list.add("HTML page with status 200", at, errors, {.kind = FaultKind::kHtmlPage});
  list.add("empty body", at, errors, {.kind = FaultKind::kEmptyBody});
  list.add("not found (404) although it is there", at, errors, {.code = Code::kNotFound});
}

std::vector<NamedFault> all_faults() {
  List list;
  const Promise errors = Promise::kErrors;
  const Promise none = Promise::kNothingSeen;
  const Promise broken = Promise::kBrokenAtRest;
  for (const Target& at : kGets) {
    add_errors(list, at);
    add_chances(list, at);
    add_reads(list, at);
    list.add("another object's bytes", at, errors, {.kind = FaultKind::kOtherBody});
    // Asked for once more.
    list.add_once("flipped bit", at, none, {.kind = FaultKind::kFlipBit});
    list.add_once("cut body", at, none, {.kind = FaultKind::kCutBody});
  }
  add_errors(list, kLoad);
  add_chances(list, kLoad);
  add_reads(list, kLoad);
  list.add("an older version", kLoad, errors, {.kind = FaultKind::kOlderVersion});
  for (const Target& at : kPuts) {
    add_errors(list, at);
    add_chances(list, at);
    list.add("no space (507)", at, errors, {.code = Code::kExhausted});
    list.add("done, the reply is lost", at, errors, {.kind = FaultKind::kReplyLost});
    list.add("done twice", at, none, {.kind = FaultKind::kTwice});
    list.add("done after the caller gave up", at, errors, {.kind = FaultKind::kLate, .late_by = 3});
    list.add("a cut body is kept", at, broken, {.kind = FaultKind::kCutBody});
    list.add("a flipped bit is kept", at, broken, {.kind = FaultKind::kFlipBit});
    list.add("told ok, not kept", at, broken, {.kind = FaultKind::kDropped});
  }
  for (const Target& at : {kSwap, kDelete}) {
    add_errors(list, at);
    list.add_once("server error", at, none, {.code = Code::kUnavailable});
    list.add_once("done, the reply is lost", at, none, {.kind = FaultKind::kReplyLost});
    list.add("done, every reply is lost", at, none, {.kind = FaultKind::kReplyLost});
    list.add("done twice", at, none, {.kind = FaultKind::kTwice});
    list.add_once("done after the caller gave up", at, none,
                  {.kind = FaultKind::kLate, .late_by = 2});
    list.add("the own write is told as lost (412)", at, none, {.kind = FaultKind::kToldConflict});
    list.add_once("told as lost without a rival (409)", at, none,
                  {.kind = FaultKind::kFalseConflict});
    list.add("told as lost without a rival (409)", at, errors, {.kind = FaultKind::kFalseConflict});
    list.add("the condition is ignored", at, none, {.kind = FaultKind::kConditionIgnored});
  }
  add_chances(list, kSwap);
  list.add("done, three of ten replies are lost", kSwap, none,
           {.kind = FaultKind::kReplyLost, .probability = 0.3});
  list.add("a cut body is kept", kSwap, broken, {.kind = FaultKind::kCutBody});
  list.add("a flipped bit is kept", kSwap, broken, {.kind = FaultKind::kFlipBit});
  add_errors(list, kList);
  list.add("the reply is lost", kList, errors, {.kind = FaultKind::kReplyLost});
  list.add("a key is missing", kList, none, {.kind = FaultKind::kListMisses});
  list.add("a key comes twice", kList, errors, {.kind = FaultKind::kListRepeats});
  list.add("in the wrong order", kList, errors, {.kind = FaultKind::kListReorders});
  return list.take();
}

class Script {
 public:
  explicit Script(const NamedFault& fault) : fault_(fault) {}

  void run() {
    set_up();
    if (::testing::Test::HasFatalFailure()) return;
    store_->set_plan({.seed = 7, .rules = {fault_.rule}});
    all_steps();
    EXPECT_GT(store_->faults(), 0u) << "the fault never struck";
    store_->run_late();
    store_->set_plan({});
    if (fault_.promise == Promise::kBrokenAtRest) {
      judge_broken();
      return;
    }
    // The fault is over: what failed works, and what was done is done once.
    const size_t errors = errors_;
    over_ = true;
    all_steps();
    EXPECT_EQ(errors_, errors) << last_error_;
  }

  size_t errors() const { return errors_; }
  const std::string& last_error() const { return last_error_; }

 private:
  static Status ok_of(const auto& result) {
    if (!result) return std::unexpected(result.error());
    return {};
  }

  std::shared_ptr<Space> space() { return Space::on(store_, "memory://named", 8u << 20, runtime_); }

  void set_up() {
    inner_ = std::make_shared<MemoryStore>("named");
    store_ = std::make_shared<FaultStore>(inner_, FaultPlan{}, runtime_);
    auto made = create_in(space(), "main", model::full_schema());
    ASSERT_TRUE(made);
    ASSERT_TRUE(made->append(model::rows_of(row_range(0, 1000, 1, 3))));
    ASSERT_TRUE(made->append(model::rows_of(row_range(10'000, 40, 1, 3))));
    ASSERT_TRUE(made->branch("doomed"));
    truth_ = *model::read_picture(inner_);
    main_.emplace(*open_in(space(), "main"));
  }

  void all_steps() {
    step("create", [&](Picture& next) {
      next["other"] = {};
      auto made = create_in(space(), "other", model::full_schema());
      if (over_ && !made && made.error().code == Code::kAlreadyExists) return Status{};
      return ok_of(made);
    });
    step("append", [&](Picture& next) {
      const auto rows = row_range(20'000, 20, 2);
      next["main"].set(rows);
      return ok_of(main_->append(model::rows_of(rows)));
    });
    step("append with a key", [&](Picture& next) {
      AppendOptions options;
      options.idempotency_key = "job 1";
      if (!keyed_) {
        for (uint64_t i = 0; i < 10; ++i) next["main"].assigned.insert(model::kAssignedSalt + i);
      }
      Status status =
          ok_of(main_->append(model::unanchored_rows(10, model::kAssignedSalt), options));
      return status;
    });
    step("append through a new handle", [&](Picture& next) -> Status {
      const auto rows = row_range(30'000, 20, 2);
      DREAMDB_ASSIGN(Dataset fresh, open_in(space(), "main"));
      next["main"].set(rows);
      return ok_of(fresh.append(model::rows_of(rows)));
    });
    step("branch", [&](Picture& next) { return name_it(next, "try", false); });
    step("snapshot", [&](Picture& next) { return name_it(next, "main@v1", true); });
    step("stream", [&](Picture&) -> Status {
      DREAMDB_ASSIGN(const Dataset fresh, open_in(space(), "main"));
      DREAMDB_ASSIGN(const model::State state, model::read_state(fresh));
      // What an older version of the ref names is older, and whole.
      if (fault_.rule.kind != FaultKind::kOlderVersion) {
        EXPECT_TRUE(state == truth_["main"]);
      }
      return {};
    });
    step("take", [&](Picture&) -> Status {
      DREAMDB_ASSIGN(const Dataset fresh, open_in(space(), "main"));
      const std::vector<uint64_t> wanted = {3, 300, 10'003};
      DREAMDB_ASSIGN(const Batch batch, fresh.take(wanted));
      EXPECT_EQ(batch.rows(), wanted.size());
      for (size_t row = 0; row < batch.rows(); ++row)
        EXPECT_EQ(model::judge_record(batch, row), std::nullopt);
      return {};
    });
    step("list", [&](Picture&) -> Status {
      DREAMDB_ASSIGN(const auto refs, main_->list_refs("", "", 100));
      std::string before;
      for (const RefInfo& ref : refs) {
        EXPECT_LT(before, ref.name);
        EXPECT_TRUE(truth_.contains(ref.name)) << ref.name;
        before = ref.name;
      }
      return {};
    });
    step("delete a ref", [&](Picture& next) {
      next.erase("doomed");
      Status status = main_->delete_ref("doomed");
      if (over_ && !status && status.error().code == Code::kNotFound) return Status{};
      return status;
    });
  }

  Status name_it(Picture& next, const std::string& name, bool snapshot) {
    if (!next.contains(name)) {
      // The handle names the version that it stands on.
      auto at = open_in(model::space_on(inner_), "main", at_version(main_->manifest()));
      if (!at) return ok_of(at);
      DREAMDB_ASSIGN(next[name], model::read_state(*at));
    }
    Status status = snapshot ? ok_of(main_->snapshot("v1")) : ok_of(main_->branch(name));
    if (over_ && !status && status.error().code == Code::kAlreadyExists) return {};
    return status;
  }

  static OpenOptions at_version(const std::string& manifest) {
    OpenOptions out;
    out.manifest = manifest;
    return out;
  }

  // Runs one verb, and compares the store with the model.
  template <typename Act>
  void step(const std::string& name, const Act& act) {
    if (fault_.promise == Promise::kBrokenAtRest && errors_ > 0) return;
    SCOPED_TRACE(name);
    Picture next = truth_;
    const uint64_t begin_ns = runtime_.monotonic_ns();
    const uint64_t slept_ns = runtime_.slept_ns();
    const Status status = act(next);
    EXPECT_LE(runtime_.slept_ns() - slept_ns, kStepBudgetNs);
    EXPECT_LE(runtime_.monotonic_ns() - begin_ns - (runtime_.slept_ns() - slept_ns), kRealBudgetNs);
    store_->run_late();
    if (!status) {
      ++errors_;
      last_error_ = name + ": " + status.error().message;
      expect_fair(status.error());
    }
    if (fault_.promise == Promise::kBrokenAtRest) return;
    if (fault_.promise == Promise::kNothingSeen) {
      EXPECT_TRUE(status) << last_error_;
    }
    const auto seen = model::read_picture(inner_);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_TRUE(*seen == next || (!status && *seen == truth_))
        << (status ? "ok" : status.error().message) << "\nfound " << model::summary(*seen)
        << "\nbefore " << model::summary(truth_) << "\nafter " << model::summary(next);
    truth_ = *seen;
    keyed_ = !truth_["main"].assigned.empty();
  }

  static void expect_fair(const Error& error) {
    EXPECT_NE(error.code, Code::kInternal) << error.message;
    bool names = false;
    for (const char* part : {"segments/", "pages/", "manifests/", "genesis/", "refs/", "ref `",
                             "dataset `", "snapshot `"})
      names = names || error.message.find(part) != std::string::npos;
    EXPECT_TRUE(names) << "names no key: " << error.message;
  }

  // What the store keeps is not what it was given: whoever reads it gets an error that names the
  // object, or what is right.
  void judge_broken() {
    const auto seen = model::read_picture(inner_);
    if (!seen) {
      EXPECT_EQ(seen.error().code, Code::kCorruption) << seen.error().message;
      expect_fair(seen.error());
      ++errors_;
      last_error_ = "reading it back: " + seen.error().message;
    }
    EXPECT_GT(errors_, 0u) << "nobody noticed";
  }

  const NamedFault& fault_;
  QuickRuntime runtime_;
  std::shared_ptr<MemoryStore> inner_;
  std::shared_ptr<FaultStore> store_;
  std::optional<Dataset> main_;
  Picture truth_;
  bool over_ = false;
  bool keyed_ = false;
  size_t errors_ = 0;
  std::string last_error_;
};

TEST(NamedFaults, EachKindAtEachKindOfRequest) {
  const std::vector<NamedFault> faults = all_faults();
  EXPECT_GE(faults.size(), 50u);
  OneIn cases;
  size_t tried = 0;
  for (const NamedFault& fault : faults) {
    if (!cases.takes_next()) continue;
    ++tried;
    SCOPED_TRACE(fault.name);
    Script script(fault);
    script.run();
    std::cout << fault.name << ": "
              << (script.errors() == 0 ? "nothing seen"
                                       : std::to_string(script.errors()) + " errors, the last of " +
                                             script.last_error().substr(0, 120))
              << "\n";
  }
  std::cout << tried << " of " << faults.size() << " named faults\n";
}

}  // namespace
}  // namespace dreamdb
