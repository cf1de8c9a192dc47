#include "upkeep/collect.h"

#include <algorithm>
#include <mutex>

#include "runtime/interrupt.h"
#include "store/counting_store.h"
#include "store/locator.h"
#include "store/wire_counts.h"
#include "upkeep/mark_trees.h"
#include "upkeep/retention.h"
#include "upkeep/space_refs.h"
#include "upkeep/space_sessions.h"
#include "upkeep/sweep.h"
#include "version/live_session.h"

namespace dreamdb {

namespace {

constexpr uint64_t kShardsMax = 256;
constexpr size_t kManifestsAtOnce = 64;
const std::string kProgram = "dreamdb/" DREAMDB_VERSION " gc";

WriterIdentity collector_identity(Runtime& runtime) {
  WriterIdentity identity;
  runtime.random(identity.nonce);
  identity.program = kProgram;
  return identity;
}

Status check_options(const GcOptions& options) {
  if (options.shard.of == 0 || options.shard.of > kShardsMax ||
      options.shard.index >= options.shard.of)
    return fail(Code::kInvalidArgument, "shard " + std::to_string(options.shard.index) + " of " +
                                            std::to_string(options.shard.of) +
                                            ": shards are 0 to of - 1, at most " +
                                            std::to_string(kShardsMax));
  if (options.keep_last && *options.keep_last == 0)
    return fail(Code::kInvalidArgument,
                "the tip of a branch always stays: keep at least the last 1 version");
  return {};
}

class Collector {
 public:
  Collector(const std::shared_ptr<Store>& store, Runtime& runtime, const GcOptions& options)
      : store_(*store),
        runtime_(runtime),
        options_(options),
        identity_(collector_identity(runtime)),
        session_(store_, runtime, identity_, SessionRole::kCollector),
        objects_(store, options.memory_bytes / 8),
        shard_(part_of({}, options.shard.index, options.shard.of)) {
    report_.dry_run = options.dry_run;
  }

  Result<GcReport> run() {
    DREAMDB_TRY(read_sessions());
    DREAMDB_TRY(read_refs());
    bool is_first = true;
    report_.rounds = 1;
    for (uint64_t round = 0; round < report_.rounds;) {
      const HashSlice slice = part_of(shard_, round, report_.rounds);
      MarkFilter filter(options_.memory_bytes / 8 * 5, salt());
      const Status marked = mark(slice, filter);
      if (filter.is_full() && slice.end - slice.begin > 1) {
        report_.rounds *= 2;
        round *= 2;
        continue;
      }
      DREAMDB_TRY(marked);
      if (is_first) DREAMDB_TRY(delete_versions());
      is_first = false;
      for (const std::string_view kind : {"pages", "segments"})
        DREAMDB_TRY(
            sweep_kind(kind, slice, [&](const ListedObject& object, const Address& address) {
              return filter.may_have(address) ? Fate::kLive : fate_of_rest(object);
            }));
      ++round;
    }
    if (options_.shard.index == 0) DREAMDB_TRY(count_others());
    return std::move(report_);
  }

 private:
  uint64_t salt() {
    uint64_t out = 0;
    runtime_.random(std::as_writable_bytes(std::span(&out, 1)));
    return out;
  }

  // ---- what is to be left alone

  Status read_sessions() {
    if (!options_.dry_run) DREAMDB_TRY(session_.begin());
    DREAMDB_ASSIGN(const std::vector<ListedSession> sessions, load_sessions(store_));
    now_ns_ = runtime_.now_ns();
    if (!options_.dry_run) {
      const auto own =
          std::ranges::find(sessions, session_.key(), [](const auto& s) { return s.key; });
      if (own == sessions.end())
        return fail(Code::kUnavailable, store_.describe() + " does not list " + session_.key() +
                                            ", which was just written; try again");
      now_ns_ = own->time_ns;
    }
    young_ns_ = now_ns_ - std::min(now_ns_, kGraceNs);
    for (const ListedSession& session : sessions) DREAMDB_TRY(judge(session));
    report_.older_than_ns = young_ns_;
    return {};
  }

  Status judge(const ListedSession& session) {
    Fate fate = Fate::kLive;
    if (session.body.fenced) {
      fenced_ns_ = std::max(fenced_ns_, session.time_ns);
      if (session.time_ns + kGraceNs <= now_ns_) fate = Fate::kCondemned;
    } else {
      bool is_live = !is_expired(session, now_ns_);
      if (!is_live && !options_.dry_run) {
        DREAMDB_ASSIGN(const bool fenced, fence(store_, runtime_, session));
        is_live = !fenced;
      }
      if (is_live) {
        ++report_.sessions;
        young_ns_ = std::min(young_ns_, guarded_since(session));
        pins_.insert(pins_.end(), session.body.pins.begin(), session.body.pins.end());
      } else {
        ++report_.fenced;
        fenced_ns_ = now_ns_;
      }
    }
    if (options_.shard.index != 0) return {};
    Swept swept;
    add_to(swept.counts, fate, session.size_bytes);
    if (fate == Fate::kCondemned && !options_.dry_run) {
      const Status deleted = store_.swap_delete(session.key, session.version);
      if (!deleted && deleted.error().code != Code::kConflict) return deleted;
      add_to(swept.deleted, session.size_bytes);
    }
    add_swept("sessions", swept);
    return {};
  }

  Status read_refs() {
    DREAMDB_ASSIGN(refs_, load_refs(store_));
    report_.refs = refs_.size();
    for (const std::string& text : options_.keep) {
      auto address = Address::parse(text);
      if (!address) return fail(Code::kInvalidArgument, "to keep: " + address.error().message);
      DREAMDB_TRY(objects_.manifest(*address));
      pins_.push_back(*address);
    }
    return {};
  }

  bool is_young(const ListedObject& object) const {
    return object.time_ns >= young_ns_ || object.time_ns == 0;
  }

  Fate fate_of_rest(const ListedObject& object) const {
    return is_young(object) ? Fate::kGuarded : Fate::kCondemned;
  }

  // ---- marking

  // Marks what is needed of the slice. The set of versions that stay is made anew.
  Status mark(const HashSlice& slice, MarkFilter& filter) {
    SeenAddresses seen(options_.memory_bytes / 8);
    SeenAddresses marked(options_.memory_bytes / 32), walked(options_.memory_bytes / 32);
    TreeMarker marker(objects_, filter, slice, seen);
    kept_ = {};
    cuts_.clear();
    DREAMDB_ASSIGN(const std::vector<Address> young, list_young());
    AddressSet young_set;
    for (const Address& address : young) young_set.add(address);
    young_set.seal();
    const Retention retention{options_.keep_last, options_.keep_ns, now_ns_, young_ns_, &young_set};
    ManifestPtr beside, tip_beside;
    const auto mark_one = [&](const VersionPoint& version) -> Status {
      const ManifestPtr before = std::exchange(beside, version.manifest);
      if (marked.test_and_add(version.address)) return {};
      kept_.add(version.address);
      DREAMDB_TRY(marker.mark(*version.manifest, before.get()));
      return tell("mark", kept_.count(), marker.pages());
    };
    for (const ListedRef& ref : refs_) {
      DREAMDB_ASSIGN(const VersionPoint tip, tip_of_ref(ref));
      beside = tip_beside;  // tips are more alike than the one's tip and the other's beginning
      DREAMDB_TRY(mark_one(tip));
      tip_beside = tip.manifest;
      if (ref.ref.snapshot) continue;
      DREAMDB_ASSIGN(
          auto cut,
          visit_kept(objects_, tip, retention, [&](const VersionPoint& version) -> Result<bool> {
            if (walked.test_and_add(version.address) && retention.keeps_all()) return false;
            DREAMDB_TRY(mark_one(version));
            return true;
          }));
      if (cut) cuts_.push_back(cut->address);
      DREAMDB_TRY(mark_passed(ref, retention, mark_one));
    }
    beside = tip_beside;
    for (const Address& pin : pins_) {
      auto manifest = objects_.manifest(pin);
      if (!manifest && manifest.error().code == Code::kNotFound) continue;  // it was gone before
      DREAMDB_ASSIGN(ManifestPtr found, std::move(manifest));
      DREAMDB_TRY(mark_one({pin, std::move(found)}));
    }
    kept_.seal();
    report_.versions = kept_.count();
    return mark_young(young, marker, tip_beside.get());
  }

  // Those that were the tip within the hour, though history does not tell (S11.13).
  Status mark_passed(const ListedRef& ref, const Retention& retention,
                     const std::function<Status(const VersionPoint&)>& mark_one) {
    if (ref.ref.passed.empty()) return {};
    // The time that was listed may be that of the body before the one that was loaded.
    const std::string key = ref_key(ref.name);
    DREAMDB_ASSIGN(const ListPage page, store_.list(key, "", 1));
    const bool is_listed = !page.objects.empty() && page.objects.front().key == key;
    if (is_listed && page.objects.front().time_ns != 0 && page.objects.front().time_ns < young_ns_)
      return {};
    Retention only_young = retention;
    only_young.last = 1;
    only_young.span_ns.reset();
    for (const PassedVersion& passed : ref.ref.passed) {
      if (passed.time_ns < now_ns_ && now_ns_ - passed.time_ns > kPassedKeptNs) continue;
      auto manifest = objects_.manifest(passed.manifest);
      if (!manifest && manifest.error().code == Code::kNotFound) continue;  // it was gone before
      DREAMDB_ASSIGN(ManifestPtr found, std::move(manifest));
      const auto visit = [&](const VersionPoint& version) -> Result<bool> {
        DREAMDB_TRY(mark_one(version));
        return true;
      };
      DREAMDB_TRY(visit_kept(objects_, {passed.manifest, std::move(found)}, only_young, visit));
    }
    return {};
  }

  Result<VersionPoint> tip_of_ref(const ListedRef& ref) {
    auto manifest = objects_.manifest(ref.ref.manifest);
    if (manifest) return VersionPoint{ref.ref.manifest, *std::move(manifest)};
    Error error = std::move(manifest).error();
    if (error.code == Code::kNotFound) error.code = Code::kCorruption;
    error.message += " (ref `" + ref.name + "` names it); nothing was deleted";
    return std::unexpected(std::move(error));
  }

  Result<std::vector<Address>> list_young() {
    std::vector<Address> young;
    std::mutex mutex;
    const SweepOptions looking{.dry_run = true, .counted = {0, 0}};
    DREAMDB_TRY(sweep(store_, "manifests/", {}, looking,
                      [&](const ListedObject& object, const Address& address) {
                        if (is_young(object)) {
                          const std::lock_guard lock(mutex);
                          young.push_back(address);
                        }
                        return Fate::kLive;
                      }));
    return young;
  }

  // Versions that nothing leads to, and that are too young to go.
  Status mark_young(std::vector<Address> young, TreeMarker& marker, const Manifest* beside) {
    std::erase_if(young, [&](const Address& address) { return kept_.has(address); });
    for (size_t begin = 0; begin < young.size(); begin += kManifestsAtOnce) {
      const auto wave =
          std::span(young).subspan(begin, std::min(kManifestsAtOnce, young.size() - begin));
      for (const Result<ManifestPtr>& manifest : objects_.manifests(wave)) {
        if (manifest) {
          DREAMDB_TRY(marker.mark_rest(**manifest, beside));
        } else if (manifest.error().code == Code::kUnavailable ||
                   manifest.error().code == Code::kDenied) {
          return std::unexpected(manifest.error());
        }
      }
    }
    return {};
  }

  // ---- deleting

  Status delete_versions() {
    if (!options_.dry_run) DREAMDB_TRY(raise_epochs());
    // Every shard deletes all of them: none deletes a page of a version that is still there.
    DREAMDB_TRY(
        sweep_kind("manifests", {}, [&](const ListedObject& object, const Address& address) {
          return kept_.has(address) ? Fate::kLive : fate_of_rest(object);
        }));
    if (options_.dry_run) return {};
    // Where history ends now; a listing may have missed it.
    std::vector<std::string> keys;
    for (const Address& cut : cuts_)
      if (!kept_.has(cut)) keys.push_back(manifest_key(cut));
    DREAMDB_TRY(may_delete());
    return delete_surely(store_, std::move(keys));
  }

  // S11.15: others go by it that this collection is at work no more once its session has ended.
  Status may_delete() {
    if (session_.may_publish()) return {};
    return fail(Code::kConflict,
                "this collection slept so long that its session was ended; what it has deleted "
                "stays so, call it again");
  }

  // S11.8, S11.9: a swap that was prepared while what goes was still looked on as young, or by a
  // session that is fenced now, must not succeed.
  Status raise_epochs() {
    const uint64_t barrier_ns = std::max(young_ns_, fenced_ns_) + kPreparedMaxNs;
    for (const ListedRef& ref : refs_) {
      if (ref.ref.snapshot || ref.time_ns > barrier_ns) continue;
      DREAMDB_ASSIGN(const bool raised, raise_epoch(store_, runtime_, identity_.nonce, ref));
      if (raised) ++report_.epochs;
    }
    return {};
  }

  Status sweep_kind(std::string_view kind, const HashSlice& slice, const Judge& judge) {
    const uint64_t listed = report_.all.listed.objects, deleted = report_.deleted.objects;
    SweepOptions how;
    how.dry_run = options_.dry_run;
    how.counted = shard_;
    how.counts_unknown = !slice.is_whole() || options_.shard.index == 0;
    how.may_delete = [&] { return may_delete(); };
    how.on_page = [&](const GcTotal& more, const GcTotal& gone) -> Status {
      return tell("sweep", report_.versions, 0, listed + more.objects, deleted + gone.objects);
    };
    DREAMDB_ASSIGN(const Swept swept, sweep(store_, std::string(kind) + "/", slice, how, judge));
    add_swept(std::string(kind), swept);
    return {};
  }

  // What no shard can split and nothing is deleted of.
  Status count_others() {
    DREAMDB_ASSIGN(const Swept genesis,
                   sweep(store_, "genesis/", {}, {.dry_run = true},
                         [](const ListedObject&, const Address&) { return Fate::kLive; }));
    add_swept("genesis", genesis);
    Swept refs, others;
    for (const ListedRef& ref : refs_) add_to(refs.counts, Fate::kLive, ref.size_bytes);
    add_swept("refs", refs);
    DREAMDB_ASSIGN(others.counts.listed,
                   count_strangers(store_, {"genesis/", "manifests/", "pages/", "refs/",
                                            "segments/", "sessions/"}));
    others.counts.unknown = others.counts.listed;
    add_swept("other", others);
    return {};
  }

  void add_swept(const std::string& kind, const Swept& swept) {
    add_to(report_.by_kind[kind], swept.counts);
    add_to(report_.all, swept.counts);
    add_to(report_.deleted, swept.deleted);
  }

  Status tell(std::string_view stage, uint64_t versions, uint64_t pages, uint64_t listed = 0,
              uint64_t deleted = 0) const {
    if (options_.progress && !options_.progress({stage, versions, pages, listed, deleted}))
      return fail(Code::kCancelled, "the collection was stopped; what it has deleted stays so");
    return {};
  }

  Store& store_;
  Runtime& runtime_;
  const GcOptions& options_;
  const WriterIdentity identity_;
  LiveSession session_;
  Objects objects_;
  const HashSlice shard_;
  GcReport report_;
  uint64_t now_ns_ = 0;     // by the store's clock
  uint64_t young_ns_ = 0;   // what is not older is left alone
  uint64_t fenced_ns_ = 0;  // when the last session was fenced
  std::vector<ListedRef> refs_;
  std::vector<Address> pins_;
  AddressSet kept_;            // versions that stay
  std::vector<Address> cuts_;  // the newest of each branch that go
};

}  // namespace

Result<GcReport> collect(const std::shared_ptr<Store>& store, Runtime& runtime,
                         const GcOptions& options) {
  DREAMDB_TRY(check_options(options));
  return Collector(store, runtime, options).run();
}

Result<GcReport> gc(std::string_view store_url, const GcOptions& options) {
  DREAMDB_ASSIGN(const Locator locator, parse_locator(store_url));
  // No cache on a disk: it would show what is gone.
  DREAMDB_ASSIGN(std::shared_ptr<Store> store, open_store(locator.store_url, false));
  const auto counting = std::make_shared<CountingStore>(std::move(store));
  DREAMDB_ASSIGN(GcReport report, collect(counting, real_runtime(), options));
  add_asked(report.cost, counting->snapshot());
  add_sent(report.cost, counting->wire());
  return report;
}

}  // namespace dreamdb
