#include "dreamdb/buffer.h"

#include <cstring>

#include "base/allocate.h"
#include "base/assert.h"

namespace dreamdb {

Buffer Buffer::copy_of(std::span<const std::byte> bytes) {
  MutableBuffer copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return std::move(copy).freeze();
}

Buffer Buffer::copy_of(std::string_view text) {
  return copy_of(std::as_bytes(std::span(text.data(), text.size())));
}

Buffer Buffer::adopt(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::byte* data = owner->data();
  const size_t size = owner->size();
  return {std::move(owner), data, size};
}

Buffer Buffer::adopt(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  const auto* data = reinterpret_cast<const std::byte*>(owner->data());
  const size_t size = owner->size();
  return {std::move(owner), data, size};
}

Buffer Buffer::slice(size_t offset, size_t size) const {
  DREAMDB_ASSERT(offset <= size_ && size <= size_ - offset);
  return {owner_, data_ + offset, size};
}

MutableBuffer::MutableBuffer(size_t size) : data_(allocate_bytes(size)), size_(size) {}

Buffer MutableBuffer::freeze() && {
  const size_t size = size_;
  return std::move(*this).freeze(size);
}

Buffer MutableBuffer::freeze(size_t size) && {
  DREAMDB_ASSERT(size <= size_);
  const std::byte* data = data_.get();
  size_ = 0;
  return {std::move(data_), data, size};
}

}  // namespace dreamdb
