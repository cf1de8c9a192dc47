// Values of a field that a search came by, for who hands them out: they need not be read again.
//
// Thread rule: one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dreamdb {

class SeenRows {
 public:
  // row: of as many bytes as all others.
  void add(uint64_t anchor, std::span<const std::byte> row) {
    const auto [place, is_new] = rows_.emplace(anchor, nullptr);
    if (!is_new) return;
    if (slabs_.empty() || used_ + row.size() > kSlabBytes) {
      slabs_.push_back(
          std::make_unique_for_overwrite<std::byte[]>(std::max<size_t>(kSlabBytes, row.size())));
      used_ = 0;
    }
    std::byte* const to = slabs_.back().get() + used_;
    std::memcpy(to, row.data(), row.size());
    place->second = to;
    used_ += row.size();
  }
  // Takes over what `other` has; it copies nothing.
  void add(SeenRows&& other) {
    rows_.merge(other.rows_);
    used_ = kSlabBytes;  // the next row begins a slab
    for (Slab& slab : other.slabs_) slabs_.push_back(std::move(slab));
    other = {};
  }
  // nullptr: it was not seen. Valid as long as this is.
  const std::byte* find(uint64_t anchor) const {
    const auto found = rows_.find(anchor);
    return found == rows_.end() ? nullptr : found->second;
  }

 private:
  using Slab = std::unique_ptr<std::byte[]>;
  static constexpr size_t kSlabBytes = 32 * 1024;

  std::unordered_map<uint64_t, const std::byte*> rows_;  // in slabs_
  std::vector<Slab> slabs_;
  size_t used_ = 0;  // of the last
};

}  // namespace dreamdb
