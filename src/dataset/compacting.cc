// Compaction of a ref through a handle.
#include "dataset/dataset_impl.h"
#include "dreamdb/upkeep.h"
#include "upkeep/compact.h"

namespace dreamdb {

Result<CompactReport> compact(Dataset& dataset, const CompactOptions& options) {
  Dataset::Impl& impl = dataset.impl();
  const std::lock_guard lock(impl.write_mutex());
  DREAMDB_TRY(impl.check_writable());
  const CompactTarget target{
      impl.objects(),
      impl.space().runtime(),
      impl.space().writer().program,
      [&] { return impl.tip(); },
      [&](Change change, const Rebase& rebase) { return impl.commit(std::move(change), rebase); },
  };
  return compact_ref(target, options);
}

}  // namespace dreamdb
