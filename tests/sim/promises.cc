// What the world knows of collections: which versions nobody may take away, and which are gone.
#include <algorithm>

#include "tests/sim/world.h"
#include "upkeep/collect.h"

namespace dreamdb::sim {

namespace {

constexpr uint64_t kHourNs = 3'600'000'000'000;
constexpr uint64_t kAllIsOldNs = 3 * kHourNs;
constexpr uint64_t kKeptAtTheEnd = 2;  // of each branch, where little is kept

}  // namespace

void World::deliver_late() {
  for (size_t i = 0; i < processes_.size(); ++i)
    if (processes_[i]->faults().crashed()) processes_[i]->faults().run_late();
}

bool World::all_promised(const Call& call, const std::string& base) const {
  return is_promised(base) && std::ranges::all_of(call.reads, [&](const std::string& manifest) {
           return is_promised(manifest);
         });
}

void World::pin(const void* who, std::vector<std::string> manifests) {
  Pins& pins = pins_[who];
  for (const std::string& manifest : manifests) pins.try_emplace(manifest, runtime_.now_ns());
  std::erase_if(pins, [&](const auto& one) {
    return std::ranges::find(manifests, one.first) == manifests.end();
  });
  let_go();
}

void World::unpin(const void* who) {
  pins_.erase(who);
  let_go();
}

void World::let_go() {
  for (const auto& [manifest, model] : versions_)
    if (!is_promised(manifest) || (!is_pinned(manifest) && only_pinned_.contains(manifest)))
      abandoned_.insert(manifest);
}

void World::begin_collection(const GcOptions& options) {
  if (options.dry_run) return;
  running_ = Running{options, runtime_.now_ns(), {}};
  tally_.retentions += options.keep_last || options.keep_ns ? 1 : 0;
  for (const auto& [name, manifest] : refs_) running_->tips[name] = tips_[name].size();
}

void World::end_collection() {
  let_go();
  for (const auto& [manifest, model] : versions_)
    if (!is_led_to(manifest)) only_pinned_.insert(manifest);
  running_.reset();
}

void World::judge_collection(const Result<GcReport>& report) {
  if (!report) {
    scheduler_.note("collected nothing: " + report.error().message);
    return judge_error(report.error());
  }
  scheduler_.note("collected " + std::to_string(report->deleted.objects));
  tally_.collected += report->deleted.objects;
  const GcCounts& all = report->all;
  const auto sum = [&](uint64_t GcTotal::* what) {
    return all.live.*what + all.condemned.*what + all.guarded.*what + all.unknown.*what;
  };
  if (all.listed.objects != sum(&GcTotal::objects) || all.listed.bytes != sum(&GcTotal::bytes))
    fail("a collection listed " + std::to_string(all.listed.objects) + " objects and knows of " +
         std::to_string(sum(&GcTotal::objects)));
}

bool World::is_promised(const std::string& manifest) const {
  return is_pinned(manifest) || is_led_to(manifest);
}

bool World::is_led_to(const std::string& manifest) const {
  return std::ranges::any_of(refs_, [&](const auto& ref) {
    if (ref.second == manifest || was_tip_lately(ref.first, manifest)) return true;
    const bool is_snapshot = ref.first.find('@') != std::string::npos;
    if (is_snapshot || abandoned_.contains(manifest)) return false;
    return stands_on(ref.second, manifest) && stays_on(ref.first, manifest);
  });
}

// A collection that has read the sessions before knows nothing of a pin.
bool World::is_pinned(const std::string& manifest) const {
  return !abandoned_.contains(manifest) && std::ranges::any_of(pins_, [&](const auto& one) {
    const auto found = one.second.find(manifest);
    return found != one.second.end() && (!running_ || found->second < running_->begins_ns);
  });
}

// A branch that was made or removed meanwhile may not have been there when refs were read.
bool World::is_known(const std::string& name) const {
  if (!running_) return true;
  const auto known = running_->tips.find(name);
  if (known == running_->tips.end()) return false;
  const auto& tips = tips_.at(name);
  return std::find(tips.begin() + static_cast<ptrdiff_t>(known->second), tips.end(), "") ==
         tips.end();
}

// Whoever opened it then can read it for an hour (S11.13).
bool World::was_tip_lately(const std::string& name, const std::string& manifest) const {
  const auto left = left_ns_.find({name, manifest});
  if (left == left_ns_.end() || left->second + kHourNs < runtime_.now_ns()) return false;
  if (!running_) return true;
  if (!is_known(name)) return false;
  const auto& tips = tips_.at(name);
  const auto met = tips.begin() + static_cast<ptrdiff_t>(running_->tips.at(name));
  return std::find(tips.begin(), met, manifest) != met;
}

// By the times of now, which are later than those that the collection goes by: so what stays by
// them stays by those too.
bool World::stays_on(const std::string& name, const std::string& manifest) const {
  if (!running_ || (!running_->options.keep_last && !running_->options.keep_ns)) return true;
  const uint64_t now_ns = runtime_.now_ns();
  const auto is_young = [&](const std::string& at) {
    const auto put = put_ns_.find("manifests/" + at);
    return put != put_ns_.end() && put->second + kHourNs >= now_ns;
  };
  if (is_young(manifest)) return true;
  if (!is_known(name)) return false;
  uint64_t counted = 0, child_ns = UINT64_MAX;
  for (std::string at = refs_.at(name);; at = parents_.at(at)[0]) {
    if (counted > 0 || !is_young(at)) {
      const uint64_t span_ns = running_->options.keep_ns.value_or(0);
      const bool is_in_span = running_->options.keep_ns && child_ns >= now_ns - span_ns;
      if (counted >= running_->options.keep_last.value_or(1) && !is_in_span) return false;
      ++counted;
    }
    if (at == manifest) return true;
    child_ns = times_.at(at);
  }
}

// Nobody is at work any more: two collections leave what is to be kept, and nothing else.
void World::collect_the_rest() {
  pins_.clear();
  let_go();
  GcOptions options;
  if (keeps_little()) options.keep_last = kKeptAtTheEnd;
  for (int round = 0; round < 3 && !failure_; ++round) {
    scheduler_.sleep(kAllIsOldNs);
    begin_collection(options);
    const auto report = collect(store_, runtime_, options);
    end_collection();
    if (!report) return fail("nothing can be collected: " + report.error().message);
    judge_collection(report);
    if (round == 2 && (report->deleted.objects > 0 || report->all.guarded.objects > 0))
      fail("a third collection found " + std::to_string(report->deleted.objects) +
           " objects to delete, " + std::to_string(report->all.guarded.objects) + " guarded");
  }
  if (tally_.collected > 0) judge_old_versions();
}

// Once nobody is at work: also what a branch was made above after all others had let it go.
bool World::may_stay(const std::string& manifest) const {
  return std::ranges::any_of(refs_, [&](const auto& ref) {
    if (ref.first.find('@') != std::string::npos) return ref.second == manifest;
    if (!keeps_little()) return stands_on(ref.second, manifest);
    for (uint64_t i = 0; i < kKeptAtTheEnd; ++i)
      if (below(ref.second, i) == manifest) return true;
    return false;
  });
}

// What is promised is whole, and of what is not nothing is left that could be opened.
void World::judge_old_versions() {
  for (const auto& [manifest, model] : versions_) {
    if (failure_) return;
    OpenOptions at;
    at.manifest = manifest;
    const auto ds = open_in(judge_, "main", at);
    judge_opened(manifest, ds);
    if (ds && !may_stay(manifest)) fail("version " + manifest + " was to be collected");
    if (!ds) {
      ++tally_.gone;
      continue;
    }
    const auto read = model::read_state(*ds);
    if (!read) return fail("version " + manifest + " is there in part: " + read.error().message);
    judge_read(*ds, read);
  }
}

void World::judge_opened(const std::string& manifest, const Result<Dataset>& opened) {
  if (opened) return;
  if (opened.error().code != Code::kNotFound) return judge_error(opened.error());
  if (is_promised(manifest))
    fail("version " + manifest + " was collected: " + opened.error().message);
}

}  // namespace dreamdb::sim
