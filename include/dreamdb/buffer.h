// Refcounted immutable bytes: a fetched block, a decoded column and a NumPy array share one
// allocation.
//
// Thread rule: a Buffer is immutable and may be copied and read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dreamdb {

class Buffer {
 public:
  Buffer() = default;
  // A view of [data, data + size) that keeps `owner` alive.
  Buffer(std::shared_ptr<const void> owner, const std::byte* data, size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  static Buffer copy_of(std::span<const std::byte> bytes);
  static Buffer copy_of(std::string_view text);
  // Takes the vector over without copying.
  static Buffer adopt(std::vector<std::byte> bytes);
  static Buffer adopt(std::string text);

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const std::byte> span() const { return {data_, size_}; }
  std::string_view view() const { return {reinterpret_cast<const char*>(data_), size_}; }

  // The bytes [offset, offset + size), which must lie inside; shares the allocation.
  Buffer slice(size_t offset, size_t size) const;

  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Uninitialised memory, 64-byte aligned, filled once and then frozen into a Buffer.
class MutableBuffer {
 public:
  MutableBuffer() = default;
  explicit MutableBuffer(size_t size);

  std::byte* data() { return data_.get(); }
  size_t size() const { return size_; }
  std::span<std::byte> span() { return {data_.get(), size_}; }

  // Hands the memory over; the MutableBuffer is empty afterwards.
  Buffer freeze() &&;
  // The same, keeping only the first `size` bytes visible.
  Buffer freeze(size_t size) &&;

 private:
  std::shared_ptr<std::byte> data_;
  size_t size_ = 0;
};

}  // namespace dreamdb
