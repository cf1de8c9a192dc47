// Publishing a version without what is lost: `repair`.
#include "dataset/dataset_impl.h"
#include "dreamdb/upkeep.h"
#include "upkeep/repair_plan.h"
#include "upkeep/verifier.h"
#include "version/live_session.h"

namespace dreamdb {

namespace {

class RepairJob {
 public:
  RepairJob(Dataset::Impl& dataset, const RepairOptions& options)
      : dataset_(dataset),
        options_(options),
        objects_(dataset.space().plain_store(), OpenOptions().cache_bytes),
        session_(dataset.objects().store(), dataset.space().runtime(), dataset.space().writer()) {}

  Result<RepairReport> run() {
    const Tip tip = dataset_.tip();
    DREAMDB_TRY(find(tip));
    report_.outcome = "clean";
    report_.manifest = tip.address().text();  // until there is another
    if (losses_.empty()) return std::move(report_);
    session_.before_upload(tip);
    Change change;
    DREAMDB_TRY(plan(tip, change, options_.on_lost));
    report_.outcome = "planned";
    if (options_.dry_run) return std::move(report_);
    const auto again = [&](const Tip& moved, Change& anew) -> Result<bool> {
      DREAMDB_TRY(plan(moved, anew, {}));
      DREAMDB_TRY(session_.may_publish());
      return true;
    };
    DREAMDB_TRY(session_.may_publish());
    DREAMDB_TRY(dataset_.commit(std::move(change), again));
    session_.settle();
    report_.outcome = "repaired";
    report_.manifest = dataset_.tip().address().text();
    return std::move(report_);
  }

 private:
  Status find(const Tip& tip) {
    VerifyOptions options;
    options.data = options_.data;
    options.progress = options_.progress;
    Verifier verifier(dataset_.space().plain_store(), options);
    DREAMDB_TRY(verifier.check_version(tip.address()));
    losses_ = verifier.losses();
    report_.found = verifier.report();
    return {};
  }

  // What was found is lost of every version.
  Status plan(const Tip& tip, Change& change,
              const std::function<Status(const LostRows&)>& on_lost) {
    RepairReport report;
    report.found = report_.found;
    report.manifest = tip.address().text();
    const RepairSetting setting{random_write_id(dataset_.space().runtime()),
                                tip.manifest->generation + 1};
    DREAMDB_ASSIGN(RepairedVersion repaired,
                   plan_repair(objects_, *tip.manifest, losses_, setting, on_lost, report));
    report_ = std::move(report);
    change.operation = "repair";
    change.objects = std::move(repaired.objects);
    change.edit = [repaired = std::move(repaired.manifest)](Manifest& m) -> Status {
      m.tracks = repaired.tracks;
      m.indexes = repaired.indexes;
      m.ledger = repaired.ledger;
      m.tombstones = repaired.tombstones;
      m.replaced = repaired.replaced;
      return {};
    };
    return {};
  }

  Dataset::Impl& dataset_;
  const RepairOptions& options_;
  Objects objects_;  // trusts nothing that was read before
  LiveSession session_;
  Losses losses_;
  RepairReport report_;
};

}  // namespace

Result<RepairReport> repair(Dataset& dataset, const RepairOptions& options) {
  Dataset::Impl& impl = dataset.impl();
  if (!options.dry_run) DREAMDB_TRY(impl.check_writable());
  const std::lock_guard lock(impl.write_mutex());
  return RepairJob(impl, options).run();
}

}  // namespace dreamdb
