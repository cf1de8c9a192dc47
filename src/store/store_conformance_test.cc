// The suite over each store and over stacks of decorators.
#include "store/store_conformance.h"

#include "store/cache_store.h"
#include "store/counting_store.h"
#include "store/far_store.h"
#include "store/fault_store.h"
#include "store/folder_store.h"
#include "store/memory_store.h"
#include "store/remote_testing.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

std::shared_ptr<Store> make_memory() { return std::make_shared<MemoryStore>("test"); }

std::shared_ptr<Store> make_folder() {
  struct Kept {
    ScratchFolder folder;
    std::shared_ptr<Store> store;
  };
  auto kept = std::make_shared<Kept>();
  auto opened = open_folder_store(kept->folder.path() + "/store", true);
  DREAMDB_ASSERT(opened.has_value());
  kept->store = *std::move(opened);
  return {kept, kept->store.get()};
}

std::shared_ptr<Store> counted(std::shared_ptr<Store> inner) {
  return std::make_shared<CountingStore>(std::move(inner));
}

std::shared_ptr<Store> without_faults(std::shared_ptr<Store> inner) {
  return std::make_shared<FaultStore>(std::move(inner), FaultPlan{.seed = 1, .rules = {}});
}

std::shared_ptr<Store> shuffled(std::shared_ptr<Store> inner) {
  return std::make_shared<FaultStore>(std::move(inner),
                                      FaultPlan{.seed = 1, .rules = {}, .shuffle_waves = true});
}

// With a cache that keeps all that `read_many` gives.
std::shared_ptr<Store> cached(std::shared_ptr<Store> inner) {
  struct Kept {
    ScratchFolder folder;
    std::shared_ptr<Store> store;
  };
  auto kept = std::make_shared<Kept>();
  auto opened =
      open_cache_store(std::move(inner), {.folder = kept->folder.path() + "/cache",
                                          .size_bytes = 64 << 20,
                                          .keeps = [](std::string_view) { return true; }});
  DREAMDB_ASSERT(opened.has_value());
  kept->store = *std::move(opened);
  return {kept, kept->store.get()};
}

std::shared_ptr<Store> make_remote(const FakeS3Quirks& quirks) { return remote(quirks).store; }

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreConformance,
    testing::Values(
        StoreCase{"memory", make_memory}, StoreCase{"folder", make_folder},
        StoreCase{"s3", [] { return make_remote({}); }},
        StoreCase{"s3_like_ceph",
                  [] { return make_remote({.plain_tags = true, .losers_see_500 = true}); }},
        StoreCase{"s3_with_409", [] { return make_remote({.conflict_is_409 = true}); }},
        StoreCase{"far_memory", [] { return std::make_shared<FarStore>(make_memory()); }},
        StoreCase{"cache_memory", [] { return cached(make_memory()); }},
        StoreCase{"cache_folder", [] { return cached(make_folder()); }},
        StoreCase{"cache_s3", [] { return cached(make_remote({})); }},
        StoreCase{"cache_counting_fault_memory",
                  [] { return cached(counted(shuffled(make_memory()))); }},
        StoreCase{"counting_memory", [] { return counted(make_memory()); }},
        StoreCase{"counting_folder", [] { return counted(make_folder()); }},
        StoreCase{"fault_memory", [] { return without_faults(make_memory()); }},
        StoreCase{"fault_folder", [] { return without_faults(make_folder()); }},
        StoreCase{"counting_fault_memory", [] { return counted(shuffled(make_memory())); }},
        StoreCase{"counting_fault_folder", [] { return counted(shuffled(make_folder())); }},
        StoreCase{"fault_counting_folder", [] { return without_faults(counted(make_folder())); }}),
    store_case_name);

}  // namespace
}  // namespace dreamdb
