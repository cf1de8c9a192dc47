#include "store/doctor.h"

#include <algorithm>
#include <limits>
#include <mutex>

#include "dreamdb/interrupt.h"
#include "store/doctor_checks.h"
#include "store/locator.h"
#include "store/memory_store.h"
#include "store/remote_locator.h"

namespace dreamdb {

namespace {

constexpr uint64_t kEverything = std::numeric_limits<uint64_t>::max();
constexpr std::string_view kProbe = "probe";
constexpr uint64_t kSettleNs = 500'000'000;
constexpr uint64_t kDayNs = 86'400'000'000'000;
constexpr size_t kReasonBytesMax = 1000;

// What all stores of an examination sent; they come and go on several threads.
struct SentSum {
  std::mutex mutex;
  StoreStats stats;
};

std::shared_ptr<RemoteStore> counted_at_its_end(std::shared_ptr<RemoteStore> store,
                                                std::shared_ptr<SentSum> sum) {
  RemoteStore* const counted = store.get();
  return {counted, [store = std::move(store), sum = std::move(sum)](RemoteStore*) {
            const std::lock_guard lock(sum->mutex);
            add_sent(sum->stats, store->wire());
          }};
}

const Finding* first_with(const Diagnosis& diagnosis, Health health) {
  const auto at = std::find_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                               [&](const Finding& finding) { return finding.health == health; });
  return at == diagnosis.findings.end() ? nullptr : &*at;
}

// The examination of one remote store, step by step.
class RemoteExamination {
 public:
  RemoteExamination(const OpenRemote& open, const DoctorOptions& options, Runtime& runtime,
                    std::shared_ptr<RemoteStore> space, DoctorGround ground)
      : open_(open),
        options_(options),
        runtime_(runtime),
        space_(std::move(space)),
        ground_(std::move(ground)) {}

  Result<Diagnosis> run() {
    diagnosis_.store = space_->describe();
    for (const std::string& endpoint : space_->client().options().endpoints)
      diagnosis_.server += (diagnosis_.server.empty() ? "" : ",") + endpoint;
    examine();
    // What was under way when somebody stopped us may be carried out after its deletion.
    if (!check_interrupt()) runtime_.sleep_ns(kSettleNs);
    const Status cleaned = diagnosis_.read_only ? Status() : ground_.clean();
    DREAMDB_TRY(check_interrupt());
    if (!cleaned)
      add({"cleaning", Health::kNote, cleaned.error().message,
           "delete them by hand, or let these keys delete and run this again"});
    conclude(diagnosis_);
    keep_what_was_found();
    return std::move(diagnosis_);
  }

 private:
  using Step = void (RemoteExamination::*)();

  void examine() {
    if (!reach()) return;
    for (const Step step : {&RemoteExamination::leftovers, &RemoteExamination::permissions}) {
      if (!check_interrupt()) return;
      (this->*step)();
    }
    if (!may_write_) return read_only();
    add(check_versions(written_));
    keeps_versions_ = diagnosis_.findings.back().health != Health::kGood;
    for (const Step step : {&RemoteExamination::race, &RemoteExamination::answers,
                            &RemoteExamination::clock, &RemoteExamination::speed}) {
      if (!check_interrupt()) return;
      (this->*step)();
    }
  }

  // Messages name the store that was asked about, not the doctor's own folder in it.
  void add(Finding finding) {
    const std::string own = "/" + ground_.path();
    for (size_t at; (at = finding.found.find(own)) != std::string::npos;)
      finding.found.erase(at, own.size());
    diagnosis_.findings.push_back(std::move(finding));
  }

  // Whether anybody answers; also the permission to list.
  bool reach() {
    const auto listing = space_->dialect().list(space_->client(), "", "", 1);
    if (listing) {
      may_list_ = true;
      if (!listing->objects.empty()) some_object_ = listing->objects.front().object.key;
      add({"list", Health::kGood, "allowed", ""});
      return true;
    }
    if (listing.error().code == Code::kDenied) {
      // Who is refused whatever he asks for is told of that alone.
      const std::string any = "refs/main";
      const HttpJob job = space_->dialect().get(any, true, 0, kEverything);
      const HttpReply reply = std::move(space_->client().run(std::span(&job, 1)).front());
      const std::string advice = space_->dialect().advice_to_caller(reply);
      if (!advice.empty()) {
        const Status refused = space_->dialect().status_of(reply, "read", any);
        add({"reach", Health::kUnknown, refused.error().message, advice});
        return false;
      }
      add({"list", Health::kNote, listing.error().message,
           "allow it (s3:ListBucket): refs, the collector and prefixes need it"});
      return true;
    }
    if (listing.error().code == Code::kUnsupported) {
      add({"list", Health::kNote, listing.error().message, ""});
      return true;
    }
    add({"reach", listing.error().code == Code::kCorruption ? Health::kBad : Health::kUnknown,
         listing.error().message, ""});
    return false;
  }

  void leftovers() {
    if (!may_list_) return;
    const auto removed = remove_leftovers(open_, runtime_);
    if (removed && *removed > 0)
      add({"leftovers", Health::kGood,
           std::to_string(*removed) + " objects of runs that were killed are removed", ""});
  }

  void permissions() {
    const std::string probe(kProbe);
    Dialect& dialect = ground_.dialect();
    const Status ground = space_->dialect().check_ground(space_->client());
    if (!ground) {
      cannot_write(ground.error());
    } else {
      written_ = write_one(ground_, probe, Buffer::copy_of(kProbe));
      const Status written = dialect.status_of(written_, "write", probe);
      may_write_ = written.has_value();
      if (!written && written.error().code == Code::kUnsupported)
        cannot_write(written.error());
      else
        add(written ? Finding{"write", Health::kGood, "allowed", ""}
                    : unable("write", written.error()));
    }
    if (!may_write_) return add(read_something());
    add(read_probe());
    deletion();
  }

  void cannot_write(const Error& why) {
    diagnosis_.read_only = true;
    add({"write", Health::kNote, why.message, ""});
  }

  Finding read_probe() {
    const std::string probe(kProbe);
    const HttpReply reply = run_one(ground_, ground_.dialect().get(probe, true, 0, kEverything));
    const Status read = ground_.dialect().status_of(reply, "read", probe);
    if (read && reply.body.view() == kProbe) return {"read", Health::kGood, "allowed", ""};
    if (read)
      return {"read", Health::kBad, "an object that was just written reads back as other bytes",
              "do not use this server, or the proxy before it"};
    if (read.error().code == Code::kNotFound)
      return {"read", Health::kBad, "an object that was just written is not found",
              "do not write here"};
    return unable("read", read.error());
  }

  Finding read_something() {
    const bool known = !some_object_.empty();
    const std::string key = known ? some_object_ : "refs/main";
    const HttpJob job = space_->dialect().get(key, !known, 0, known ? 1 : kEverything);
    const HttpReply reply = std::move(space_->client().run(std::span(&job, 1)).front());
    const Status read = space_->dialect().status_of(reply, "read", key);
    if (read) {
      readable_ = {key, !known};
      return {"read", Health::kGood, "allowed", ""};
    }
    // Servers differ in what they check first, so this is no permission yet.
    if (read.error().code == Code::kNotFound)
      return {"read", Health::kNote, "not tried: no object is there that these keys could read",
              ""};
    return unable("read", read.error());
  }

  void deletion() {
    const std::string probe(kProbe);
    const HttpJob remove = ground_.dialect().remove(probe, true);
    const Status removed = ground_.dialect().status_of(run_one(ground_, remove), "delete", probe);
    may_delete_ = removed.has_value();
    if (!removed) {
      Finding finding = unable("delete", removed.error());
      finding.to_do = "writing works without it; collecting garbage does not";
      return add(std::move(finding));
    }
    const HttpJob again = ground_.dialect().get(probe, true, 0, kEverything);
    const Status gone = ground_.dialect().status_of(run_one(ground_, again), "read", probe);
    if (gone)
      return add({"delete", Health::kBad, "what was deleted is still read", "do not write here"});
    add({"delete", Health::kGood, "allowed", ""});
  }

  // What a store says of itself that may not be written to.
  void read_only() {
    if (readable_) add(check_one_range(*space_, readable_->first, readable_->second));
    clock();
    if (diagnosis_.read_only) return;
    const auto kept = read_verdict(space_->dialect(), space_->client(), space_->place());
    if (!kept) return add(unable("race", kept.error()));
    if (!*kept)
      return add({"race", Health::kUnknown,
                  "not run, because nothing can be written; no verdict of others is kept here",
                  "run this with keys that may write"});
    const uint64_t now = runtime_.now_ns();
    if (!(*kept)->unsafe.empty())
      return add({"race", Health::kBad, "an examination found: " + (*kept)->unsafe,
                  "mend it, and run this with keys that may write"});
    const uint64_t days = now > (*kept)->time_ns ? (now - (*kept)->time_ns) / kDayNs : 0;
    add({"race", Health::kUnknown,
         "not run, because nothing can be written; a race " + std::to_string(days) +
             " days ago was passed",
         "run this with keys that may write"});
  }

  // The race, on connections of its own; a verdict of before is forgotten when it is lost.
  void race() {
    const auto racers = open_(ground_.path());
    if (!racers) return add(unable("race", racers.error()));
    const std::string stem = "race-";
    for (int round = 0; round < kRaceRounds; ++round)
      ground_.will_write_mutable(stem + std::to_string(round));
    const auto verdict =
        race_writers((*racers)->dialect(), (*racers)->client(), space_->place(), stem, runtime_);
    if (!check_interrupt()) return;
    if (!verdict) {
      const bool failed = verdict.error().code == Code::kUnsupported;
      if (failed) (void)forget_verdict(space_->dialect(), space_->client(), space_->place());
      return add({"race", failed ? Health::kBad : Health::kUnknown, verdict.error().message,
                  failed ? "" : "run this again"});
    }
    const uint64_t connections = (*racers)->client().stats().connections;
    if (connections < 2)
      return add({"race", Health::kUnknown,
                  "all writers went over one connection, so nothing was raced",
                  "run this without a proxy that joins connections"});
    passed_ = *verdict;
    add({"race", Health::kGood,
         "one winner of " + std::to_string(kRaceWriters) + " writers in each of " +
             std::to_string(kRaceRounds) + " rounds under each condition, over " +
             std::to_string(connections) + " connections; If-Match takes the tag " +
             (verdict->style == EtagStyle::kQuoted ? "quoted" : "without quotes") +
             (verdict->losers_see_500 ? ", losers see 500" : ""),
         ""});
  }

  // Where the race was won, the verdict is kept; when something else forbids to share this store,
  // with the reason, so that writers are told until the next examination. Where it was lost, each
  // finds out for itself.
  void keep_what_was_found() {
    if (!passed_) return;
    if (const Finding* const bad = first_with(diagnosis_, Health::kBad))
      passed_->unsafe = bad->check + ": " + bad->found.substr(0, kReasonBytesMax);
    std::replace_if(
        passed_->unsafe.begin(), passed_->unsafe.end(), [](unsigned char c) { return c < ' '; },
        ' ');
    const Status kept = keep_verdict(space_->dialect(), space_->client(), *passed_);
    if (kept) return;
    // Rather none than an old one that says something else.
    (void)forget_verdict(space_->dialect(), space_->client(), space_->place());
    add({"verdict", Health::kNote, "it could not be kept: " + kept.error().message,
         "run this again"});
  }

  void answers() {
    add(check_tags(ground_));
    // What cannot be deleted, or stays as an old version, is not written by the dozen.
    if (!may_delete_ || keeps_versions_) return;
    if (check_interrupt()) add(check_ranges(ground_));
    if (check_interrupt() && may_list_) add(check_listing(ground_));
    if (check_interrupt()) parts();
  }

  void parts() {
    PartsCheck checked = check_parts(ground_);
    diagnosis_.object_bytes_max = checked.object_bytes_max;
    add(std::move(checked.finding));
  }

  void clock() { add(check_clock(space_->client().clock_skew_ns())); }

  void speed() {
    if (!options_.measures_load || !may_delete_ || keeps_versions_) return;
    std::vector<std::string> keys;
    const uint64_t before = ground_.client().stats().connections;
    auto load = measure_load(ground_.store(), "load-", runtime_, keys);
    ground_.will_write(keys);
    if (!load) return add(unable("speed", load.error()));
    load->connections = std::max(before, ground_.client().stats().connections);
    diagnosis_.load = *load;
  }

  const OpenRemote& open_;
  const DoctorOptions options_;
  Runtime& runtime_;
  const std::shared_ptr<RemoteStore> space_;
  DoctorGround ground_;
  Diagnosis diagnosis_;
  HttpReply written_;              // the reply to the first write
  std::optional<Verdict> passed_;  // of the race, when it was won
  std::string some_object_;
  std::optional<std::pair<std::string, bool>> readable_;  // a key, and whether it is mutable
  bool may_list_ = false;
  bool may_write_ = false;
  bool may_delete_ = false;
  bool keeps_versions_ = false;
};

Result<Diagnosis> diagnose_memory(std::string_view url) {
  DREAMDB_ASSIGN(const std::shared_ptr<Store> store, open_store(url, true));
  Diagnosis diagnosis;
  diagnosis.store = store->describe();
  diagnosis.findings.push_back({"race", Health::kGood, "swaps are decided under one lock", ""});
  diagnosis.findings.push_back({"durability", Health::kNote,
                                "memory of this process: other processes see another store, and "
                                "it is gone at the end",
                                "for data that is to stay, use a folder or a bucket"});
  conclude(diagnosis);
  return diagnosis;
}

}  // namespace

void conclude(Diagnosis& diagnosis) {
  const Finding* bad = first_with(diagnosis, Health::kBad);
  const Finding* unknown = first_with(diagnosis, Health::kUnknown);
  const auto race = std::find_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                                 [](const Finding& finding) { return finding.check == "race"; });
  const bool raced = race != diagnosis.findings.end() && race->health == Health::kGood;
  const auto write = std::find_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                                  [](const Finding& finding) { return finding.check == "write"; });
  if (diagnosis.read_only && write != diagnosis.findings.end()) {
    diagnosis.shared_writing = Health::kBad;
    diagnosis.reason = write->found;
  } else if (bad != nullptr) {
    diagnosis.shared_writing = Health::kBad;
    diagnosis.reason = bad->found;
  } else if (raced) {
    diagnosis.shared_writing = Health::kGood;
    diagnosis.reason = race->found;
  } else {
    diagnosis.shared_writing = Health::kUnknown;
    diagnosis.reason = unknown != nullptr ? unknown->found : "no race was run";
  }
}

Result<Diagnosis> diagnose_remote(const OpenRemote& open, const DoctorOptions& options,
                                  Runtime& runtime) {
  DREAMDB_ASSIGN(std::shared_ptr<RemoteStore> space, open(""));
  DREAMDB_ASSIGN(DoctorGround ground, DoctorGround::make(open, runtime));
  return RemoteExamination(open, options, runtime, std::move(space), std::move(ground)).run();
}

Result<Diagnosis> diagnose(std::string_view url, const DoctorOptions& options, Runtime& runtime) {
  DREAMDB_ASSIGN(const std::optional<std::string> folder, folder_of(url));
  if (folder) return diagnose_folder(*folder, options, runtime);
  if (!is_remote_url(url)) return diagnose_memory(url);
  const auto sent = std::make_shared<SentSum>();
  const auto open = [&](std::string_view below) -> Result<std::shared_ptr<RemoteStore>> {
    DREAMDB_ASSIGN(auto store, open_remote_store(url, process_environment(), below));
    return counted_at_its_end(std::move(store), sent);
  };
  auto diagnosis = diagnose_remote(open, options, runtime);
  if (diagnosis) diagnosis->cost = sent->stats;
  return diagnosis;
}

}  // namespace dreamdb
