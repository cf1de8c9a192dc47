// Looking for damage: `verify`.
#include "dataset/dataset_impl.h"
#include "dreamdb/upkeep.h"
#include "store/locator.h"
#include "upkeep/verifier.h"

namespace dreamdb {

Result<VerifyReport> verify(const Dataset& dataset, const VerifyOptions& options) {
  DREAMDB_TRY(check_options(options));
  const Dataset::Impl& impl = dataset.impl();
  Verifier verifier(impl.space().plain_store(), options);
  DREAMDB_TRY(verifier.check_version(impl.tip().address()));
  if (options.all_refs) DREAMDB_TRY(verifier.check_all_refs());
  return verifier.report();
}

Result<VerifyReport> verify(std::string_view locator, const VerifyOptions& options,
                            StoreStats* stats) {
  DREAMDB_TRY(check_options(options));
  DREAMDB_ASSIGN(const Locator parsed, parse_locator(locator));
  DREAMDB_ASSIGN(const auto space, Space::open(parsed.store_url, 0, false));
  Verifier verifier(space->plain_store(), options);
  const Status checked =
      options.all_refs ? verifier.check_all_refs() : verifier.check_ref(parsed.ref);
  if (stats != nullptr) *stats = space->stats();
  DREAMDB_TRY(checked);
  return verifier.report();
}

}  // namespace dreamdb
