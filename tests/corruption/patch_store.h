// A read-only store in memory whose objects can be broken one at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace dreamdb::corruption {

class PatchStore final : public Store {
 public:
  // Copies all objects and mutable keys of `source`.
  static Result<std::shared_ptr<PatchStore>> copy_of(Store& source);

  // Immutable objects and mutable keys ("refs/...") alike.
  const std::map<std::string, Buffer>& objects() const { return objects_; }
  // From now on `key` has this body (nullopt: is missing); the break before is mended.
  void set_patch(const std::string& key, std::optional<Buffer> body);
  // A second broken key beside the first.
  void add_patch(const std::string& key, std::optional<Buffer> body);
  void mend() { patches_.clear(); }

  std::string describe() const override { return "patched://test"; }
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
  Result<Buffer> find(const std::string& key) const;

  std::map<std::string, Buffer> objects_;
  std::map<std::string, std::optional<Buffer>> patches_;
};

// `body` with one bit changed.
Buffer flip_bit(const Buffer& body, size_t byte, unsigned bit);

}  // namespace dreamdb::corruption
