#include "object/memory_tag.h"

#include <openssl/evp.h>

#include <algorithm>
#include <new>

#include "codec/address.h"

namespace dreamdb {

namespace {

constexpr size_t kKeyBytes = 32;

struct Free {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

struct MemoryTags::Prepared {
  std::unique_ptr<EVP_MAC, Free> mac;
  std::unique_ptr<EVP_MAC_CTX, Free> keyed;  // copied for each tag
};

MemoryTags::MemoryTags(Runtime& runtime) {
  auto made = std::make_unique<Prepared>();
  std::array<unsigned char, kKeyBytes> key{};
  runtime.random(std::as_writable_bytes(std::span(key)));
  made->mac.reset(EVP_MAC_fetch(nullptr, "POLY1305", nullptr));
  if (made->mac != nullptr) made->keyed.reset(EVP_MAC_CTX_new(made->mac.get()));
  if (made->keyed != nullptr &&
      EVP_MAC_init(made->keyed.get(), key.data(), key.size(), nullptr) == 1)
    prepared_ = std::move(made);
}

MemoryTags::~MemoryTags() = default;

MemoryTag MemoryTags::of(std::span<const std::byte> bytes) const {
  MemoryTag tag;
  if (prepared_ == nullptr) {  // a part of the content hash does as well, slower
    const Hash hash = blake3(bytes);
    std::copy_n(hash.begin(), tag.size(), tag.begin());
    return tag;
  }
  const std::unique_ptr<EVP_MAC_CTX, Free> context(EVP_MAC_CTX_dup(prepared_->keyed.get()));
  size_t size = 0;
  const bool made =
      context != nullptr &&
      EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size()) == 1 &&
      EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(tag.data()), &size,
                    tag.size()) == 1;
  if (!made) throw std::bad_alloc();  // nothing else can fail in it
  return tag;
}

}  // namespace dreamdb
