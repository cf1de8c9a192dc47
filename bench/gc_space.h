// A version with any number of segments that are nothing but names, and garbage beside them: for
// figures of the collector.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "format/manifest.h"
#include "format/page.h"
#include "store/memory_store.h"

namespace dreamdb::bench {

// Segment `i` of `count`, in the order of listings; every fifth is garbage. Pages that name the
// others are made anew whenever they are read.
class GcSpace {
 public:
  explicit GcSpace(uint64_t count);

  uint64_t count() const { return count_; }
  uint64_t garbage() const { return count_ / kGarbageIn; }
  std::string segment_text(uint64_t i) const;
  Page leaf(uint64_t index) const;

  // Pages above the leaves, the manifest and the ref "main".
  Status put_rest(Store& store) const;
  // Their addresses, in the order of their segments.
  const std::vector<Address>& leaves() const { return leaves_; }

  static constexpr uint64_t kGarbageIn = 5;
  static constexpr uint64_t kSegmentBytes = 100'000;

 private:
  const uint64_t count_;
  std::vector<Address> leaves_;
  std::vector<PutRequest> above_;
  Root root_;
};

// The same as a store in memory that keeps next to nothing: names are made as they are listed, and
// what is deleted is counted.
class GcStore final : public Store {
 public:
  explicit GcStore(const GcSpace& space);

  uint64_t deleted() const { return deleted_; }

  std::string describe() const override { return "memory://gc"; }
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override;
  std::vector<Status> put_many(std::span<const PutRequest> requests) override {
    return memory_.put_many(requests);
  }
  Result<Loaded> load(std::string_view key) override { return memory_.load(key); }
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override {
    return memory_.swap(key, expected, body);
  }
  Status swap_delete(std::string_view key, const Version& expected) override {
    return memory_.swap_delete(key, expected);
  }
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override;
  std::vector<Status> delete_many(std::span<const std::string> keys) override {
    deleted_ += keys.size();
    return std::vector<Status>(keys.size());
  }

 private:
  const GcSpace& space_;
  MemoryStore memory_{"gc"};
  std::unordered_map<Address, uint64_t> leaf_of_;
  uint64_t deleted_ = 0;
};

}  // namespace dreamdb::bench
