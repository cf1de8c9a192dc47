// What is kept in memory of a store, verified: small things, matrices and single rows, which share
// a number of bytes. Of 16 parts small things get 6; matrices 9 and what small things leave of
// theirs; rows 1 and what both leave.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "dreamdb/buffer.h"
#include "object/cache.h"
#include "object/kept_rows.h"

namespace dreamdb {

class Caches {
 public:
  explicit Caches(uint64_t bytes)
      : bytes_(bytes), small_(bytes / 16 * 6), matrices_(bytes / 16 * 15, Eviction::kSeldom) {}

  uint64_t size_bytes() const {
    return small_.size_bytes() + matrices_.size_bytes() + rows_.size_bytes();
  }

  // Pages, footers, lists of anchors, decoded blocks of scalars, tags.
  template <typename T>
  std::shared_ptr<const T> find(const CacheKey& key) {
    return small_.find<T>(key);
  }
  template <typename T>
  void keep(const CacheKey& key, std::shared_ptr<const T> value, uint64_t size_bytes) {
    small_.add<T>(key, std::move(value), size_bytes);
    fit();
  }
  uint64_t small_size_bytes() const { return small_.size_bytes(); }
  uint64_t small_bytes() const { return small_.capacity_bytes(); }

  // What searches come back to: pieces of matrices that exact ones scan, codes, centroids.
  template <typename T = Buffer>
  std::shared_ptr<const T> find_matrix(const CacheKey& key) {
    return matrices_.find<T>(key);
  }
  template <typename T>
  void keep_matrix(const CacheKey& key, std::shared_ptr<const T> value, uint64_t size_bytes) {
    matrices_.add<T>(key, std::move(value), size_bytes);
    fit();
  }
  void keep_matrix(const CacheKey& key, const std::shared_ptr<const Buffer>& bytes) {
    keep_matrix<Buffer>(key, bytes, bytes->size());
  }
  bool has_matrix(const CacheKey& key) const { return matrices_.has(key); }
  uint64_t matrices_size_bytes() const { return matrices_.size_bytes(); }
  void drop_matrix(const CacheKey& key) { matrices_.drop(key); }
  // How many bytes of matrices are kept, whatever else is; and now.
  uint64_t matrix_bytes() const { return bytes_ / 16 * 9; }
  uint64_t matrix_room_bytes() const { return bytes_ / 16 * 15 - small_.size_bytes(); }

  // Single rows of matrices. segment: LoadedSegment::number.
  bool copy_row(uint64_t segment, uint64_t row, std::span<std::byte> to) {
    return rows_.copy(segment, row, to);
  }
  void keep_row(uint64_t segment, uint64_t row, std::span<const std::byte> bytes) {
    rows_.add(segment, row, bytes, row_room_bytes());
  }
  // How many bytes of rows may be kept now.
  uint64_t row_room_bytes() const {
    const uint64_t taken = small_.size_bytes() + matrices_.size_bytes();
    return std::max(bytes_ / 16, bytes_ - std::min(bytes_, taken));
  }

 private:
  void fit() {
    matrices_.set_capacity(matrix_room_bytes());
    rows_.shrink(row_room_bytes());
  }

  const uint64_t bytes_;
  Cache small_;
  Cache matrices_;
  KeptRows rows_;
};

}  // namespace dreamdb
