// A store that lives in the memory of this process: for tests, examples and throw-away work.
//
// Thread rule: every call may come from any thread. A child after fork() has its own copy.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/fork.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace dreamdb {

class MemoryStore final : public Store {
 public:
  // `name` is what `describe()` shows after "memory://".
  explicit MemoryStore(std::string name, Runtime& runtime = real_runtime());

  std::string describe() const override;
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override;
  std::vector<Status> put_many(std::span<const PutRequest> requests) override;
  Result<Loaded> load(std::string_view key) override;
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override;
  Status swap_delete(std::string_view key, const Version& expected) override;
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override;
  std::vector<Status> delete_many(std::span<const std::string> keys) override;

 private:
  struct Entry {
    Buffer body;
    uint64_t time_ns = 0;
    uint64_t sequence = 0;  // of the write that made it, for mutable keys
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Result<Buffer> read_one(const ReadRequest& request) const;
  Status check_expected(std::string_view key, const std::optional<Version>& expected) const;

  const std::string name_;
  Runtime& runtime_;
  mutable ForkSafeMutex mutex_;  // held for map operations only; bodies are shared, never copied
  Entries objects_;
  Entries mutables_;
  uint64_t last_sequence_ = 0;
};

// The store `memory://name` of this process: each call with one name gives the same store.
std::shared_ptr<Store> shared_memory_store(std::string_view name);

}  // namespace dreamdb
