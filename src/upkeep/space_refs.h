// The refs of a space, and the epochs that keep late swaps out (spec 11.3).
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <string>
#include <vector>

#include "version/tip.h"

namespace dreamdb {

struct ListedRef {
  std::string name;
  Ref ref;
  Version version;
  uint64_t size_bytes = 0;
  uint64_t time_ns = 0;  // of its last swap, by the store's clock
};

// All refs, by name. Corruption, Unsupported: one cannot be read.
Result<std::vector<ListedRef>> load_refs(Store& store);

// Swaps the branch to a body with a higher epoch and the same version, so that no swap succeeds any
// more that was prepared before. False: another writer was first, which is as good, or it is gone.
Result<bool> raise_epoch(Store& store, Runtime& runtime, const Nonce& nonce,
                         const ListedRef& branch);

}  // namespace dreamdb
