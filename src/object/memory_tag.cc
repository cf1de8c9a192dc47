#include "object/memory_tag.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>

#include "codec/address.h"

namespace dreamdb {

namespace {

struct Free {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

constexpr size_t kKeyBytes = 32;
using Key = std::array<unsigned char, kKeyBytes>;

struct Drawn {
  Key key{};
  EVP_MAC* mac = nullptr;  // nullptr: there is none, or no key; lives as long as the process
};

const Drawn& drawn() {
  static const Drawn own = [] {
    Drawn out;
    if (RAND_priv_bytes(out.key.data(), kKeyBytes) == 1)
      out.mac = EVP_MAC_fetch(nullptr, "POLY1305", nullptr);
    return out;
  }();
  return own;
}

}  // namespace

MemoryTag memory_tag(std::span<const std::byte> bytes) {
  const Drawn& own = drawn();
  thread_local const std::unique_ptr<EVP_MAC_CTX, Free> context(
      own.mac == nullptr ? nullptr : EVP_MAC_CTX_new(own.mac));
  MemoryTag tag;
  size_t size = 0;
  const bool made =
      context != nullptr && EVP_MAC_init(context.get(), own.key.data(), kKeyBytes, nullptr) == 1 &&
      EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size()) == 1 &&
      EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(tag.data()), &size,
                    tag.size()) == 1;
  if (made) return tag;
  // A system whose OpenSSL has no Poly1305: a part of the content hash does as well, slower.
  const Hash hash = blake3(bytes);
  std::copy_n(hash.begin(), tag.size(), tag.begin());
  return tag;
}

}  // namespace dreamdb
