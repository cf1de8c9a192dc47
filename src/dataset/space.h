// An opened store prefix: the store with its counters, the cache, and who writes.
//
// Thread rule: every call may come from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dataset/filter_shelf.h"
#include "dataset/tombstone_shelf.h"
#include "dreamdb/dataset.h"
#include "index/index_shelf.h"
#include "object/objects.h"
#include "runtime/fork.h"
#include "runtime/moment.h"
#include "runtime/runtime.h"
#include "store/cache_store.h"
#include "store/counting_store.h"
#include "version/tip.h"

namespace dreamdb {

class Space {
 public:
  // NotFound when there is no such store and `create` is false. InvalidArgument: a disk cache that
  // is too small or has no folder. Others: its folder cannot be made.
  static Result<std::shared_ptr<Space>> open(std::string_view store_url, uint64_t cache_bytes,
                                             bool create, const DiskCache& disk_cache = {});
  // On a store that is open already (tests, tools).
  static std::shared_ptr<Space> on(std::shared_ptr<Store> store, std::string url,
                                   uint64_t cache_bytes, Runtime& runtime = real_runtime());

  Objects& objects() { return *objects_; }
  const std::shared_ptr<Objects>& shared_objects() const { return objects_; }
  IndexShelf& indexes() { return indexes_; }
  FilterShelf& filters() { return filters_; }
  TombstoneShelf& tombstones() { return tombstones_; }
  Runtime& runtime() { return *runtime_; }
  // The store itself, counted, without what the disk cache keeps of it.
  std::shared_ptr<Store> plain_store() const { return store_; }
  const std::string& url() const { return url_; }
  // Its nonce is another one after a while, and in a child after fork() (S2.2).
  WriterIdentity writer();
  StoreStats stats() const;

 private:
  void build(uint64_t cache_bytes, Runtime& runtime);

  std::string url_;
  Runtime* runtime_ = &real_runtime();
  std::shared_ptr<CountingStore> store_;
  std::shared_ptr<CacheStore> disk_cache_;  // above `store_`; may be empty
  std::shared_ptr<Objects> objects_;
  IndexShelf indexes_;
  FilterShelf filters_;
  TombstoneShelf tombstones_;
  ForkSafeMutex writer_mutex_;  // guards what follows
  WriterIdentity writer_;
  Moment nonce_drawn_;
  uint64_t nonce_generation_ = 0;  // of forks
};

}  // namespace dreamdb
