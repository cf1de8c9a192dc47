// A decorator that keeps what was read of immutable objects on a local disk, for all processes.
//
// Above a far store it saves requests: what is kept is not asked for again, in whatever cut it is
// read the next time; of a wave of which a part is kept, the rest is one wave of the store below.
// Everything is verified as it is read (cache_folder.h), the size is bounded (cache_usage.h), what
// was not used for longest goes first.
//
// Requests reach up to two times 4095 bytes further than what was asked for, to whole grains.
// What is put is not kept: an ingest would push out what readers use, and be written twice; the
// first read pays once. Refs, sessions and all keys but content addresses go to the store each
// time.
//
// The cache is never a reason to fail: when the disk is full, cannot be written to, or is locked,
// reads go on without it for a while, and one warning says why.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/cache_folder.h"
#include "store/cache_plan.h"
#include "store/cache_usage.h"
#include "store/store.h"

namespace dreamdb {

// True for keys whose bytes never change: `genesis/`, `manifests/`, `pages/` and `segments/` with
// an address (S2.1).
bool is_content_key(std::string_view key);

constexpr uint64_t kCacheBytesMin = 16ull << 20;  // less has no room for one wave

struct CacheOptions {
  std::string folder;  // made if need be; may be shared by stores and processes
  uint64_t size_bytes = 0;
  bool (*keeps)(std::string_view key) = is_content_key;
  // Told once why nothing can be kept; the default prints it to standard error.
  std::function<void(const std::string& message)> warn = {};
  Runtime* runtime = &real_runtime();
};

struct CacheCounts {
  uint64_t hits = 0;          // reads that asked nothing of the store
  uint64_t misses = 0;        // reads of keys that are kept, of which something was asked for
  uint64_t read_bytes = 0;    // from the disk
  uint64_t stored_bytes = 0;  // to the disk
  uint64_t damaged = 0;       // grains of 4 KiB that did not match their hash
};

class CacheStore final : public Store {
 public:
  CacheStore(std::shared_ptr<Store> inner, CacheFolder folder, CacheOptions options);

  CacheCounts counts() const;

  std::string describe() const override { return inner_->describe(); }
  std::string identity() const override { return inner_->identity(); }
  WireCounts wire() const override { return inner_->wire(); }
  bool is_far() const override { return inner_->is_far(); }
  uint64_t unanswered_budget_ns() const override { return inner_->unanswered_budget_ns(); }
  // Errors as the store's; those of the disk are misses.
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override;
  std::vector<Status> put_many(std::span<const PutRequest> requests) override {
    return inner_->put_many(requests);
  }
  Result<Loaded> load(std::string_view key) override { return inner_->load(key); }
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override {
    return inner_->swap(key, expected, body);
  }
  Published publish(std::span<const PutRequest> objects, std::string_view key,
                    const std::optional<Version>& expected, const Buffer& body) override {
    return inner_->publish(objects, key, expected, body);
  }
  Status swap_delete(std::string_view key, const Version& expected) override {
    return inner_->swap_delete(key, expected);
  }
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override {
    return inner_->list(prefix, start_after, limit);
  }
  // Removes them from the disk too, whatever the store says.
  std::vector<Status> delete_many(std::span<const std::string> keys) override;
  void forget(std::span<const std::string> keys) override;
  Status make_durable(std::string_view key) override { return inner_->make_durable(key); }
  std::unique_ptr<Turn> wait_turn(std::string_view key, uint32_t timeout_ms) override {
    return inner_->wait_turn(key, timeout_ms);
  }
  Waited wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                             const Offer& offer) override {
    return inner_->wait_turn_or_answer(key, timeout_ms, offer);
  }

 private:
  struct Reading;  // of one span
  void look_up(Reading& reading);
  static void put_together(Reading& reading, std::span<Result<Buffer>> replies,
                           std::span<const ReadRequest> asked);
  // Keeps what was fetched, as far as there is room.
  void keep(std::span<const Reading> readings, std::span<const Result<Buffer>> replies,
            std::span<const ReadRequest> asked);
  void pause(const Error& error);

  const std::shared_ptr<Store> inner_;
  const CacheFolder folder_;
  CacheUsage usage_;
  const CacheOptions options_;
  const std::string identity_;
  std::atomic<uint64_t> hits_{0}, misses_{0}, read_bytes_{0}, stored_bytes_{0}, damaged_{0};
  std::atomic<uint64_t> paused_until_ns_{0};
  std::atomic<bool> has_warned_{false};
};

// InvalidArgument: a size below kCacheBytesMin, no folder, a name that can be none. Else as
// mkdir(2). nullptr: the folder is not there and cannot be made, since the disk is full or must not
// be written to; go on without. The first time in a process a warning says why.
Result<std::shared_ptr<CacheStore>> open_cache_store(std::shared_ptr<Store> inner,
                                                     CacheOptions options);

}  // namespace dreamdb
