#include "upkeep/space_refs.h"

#include "runtime/thread_pool.h"
#include "store/locator.h"
#include "upkeep/space_sessions.h"

namespace dreamdb {

Result<std::vector<ListedRef>> load_refs(Store& store) {
  const std::string folder = ref_key("");
  DREAMDB_ASSIGN(const std::vector<ListedObject> listed, list_surely(store, folder));
  std::vector<ListedRef> refs;
  for (const ListedObject& object : listed) {
    const std::string name = object.key.substr(folder.size());
    if (check_ref_name(name)) refs.push_back({name, {}, {}, object.size_bytes, object.time_ns});
  }
  std::vector<Status> loaded(refs.size());
  const auto load_one = [&](size_t i) {
    auto one = load_ref(store, refs[i].name);
    if (one) {
      refs[i].ref = one->ref;
      refs[i].version = std::move(one->version);
    } else {
      loaded[i] = std::unexpected(std::move(one).error());
    }
  };
  if (store.is_far()) {
    waiting_pool().parallel_for(refs.size(), load_one);
  } else {
    for (size_t i = 0; i < refs.size(); ++i) load_one(i);
  }
  std::vector<ListedRef> out;
  for (size_t i = 0; i < refs.size(); ++i) {
    if (!loaded[i] && loaded[i].error().code == Code::kNotFound) continue;  // deleted meanwhile
    DREAMDB_TRY(std::move(loaded[i]));
    out.push_back(std::move(refs[i]));
  }
  return out;
}

Result<bool> raise_epoch(Store& store, Runtime& runtime, const Nonce& nonce,
                         const ListedRef& branch) {
  const std::string key = ref_key(branch.name);
  Ref ref = branch.ref;
  ref.nonce = nonce;
  ++ref.epoch;
  Pauses pauses(runtime, store);
  for (;;) {
    ref.write = random_write_id(runtime);
    auto swapped = store.swap(key, branch.version, write_ref(ref));
    if (swapped) return true;
    const Error cause = std::move(swapped).error();
    if (cause.code == Code::kConflict) return false;
    if (cause.code != Code::kOutcomeUnknown && cause.code != Code::kUnavailable)
      return std::unexpected(cause);
    const auto found = store.load(key);
    if (!found && found.error().code == Code::kNotFound) return false;
    if (found && found->version != branch.version) return true;  // ours, or another's
    if (!pauses.wait()) return std::unexpected(cause);
  }
}

}  // namespace dreamdb
