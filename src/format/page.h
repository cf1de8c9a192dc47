// Nodes of a track's B-tree (spec chapter 6).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "codec/address.h"
#include "format/manifest.h"
#include "format/nonce.h"
#include "format/stats.h"

namespace dreamdb {

inline constexpr size_t kPageTargetBytes = 64 * 1024;

// A leaf entry (height 0: names a segment) or an inner entry (names a page).
struct Entry {
  uint64_t first = 0, last = 0;
  uint64_t step = 0;  // leaf
  uint64_t rows = 0, records = 0;
  uint64_t seq = 0;
  Address child;
  uint64_t size = 0;
  uint64_t footer = 0;    // leaf
  uint64_t segments = 1;  // leaf: 1
  uint64_t bytes = 0;     // leaf: equal to size
  SharedStats stats;

  bool operator==(const Entry&) const = default;
};

// Order of entries in a page: (first, seq, child).
bool entry_less(const Entry& a, const Entry& b);

// The bytes of a page's entries, one behind the other.
class EncodedEntries {
 public:
  EncodedEntries() = default;
  // ends[i]: where entry i ends in `bytes`.
  EncodedEntries(Buffer bytes, std::vector<uint32_t> ends)
      : bytes_(std::move(bytes)), ends_(std::move(ends)) {}

  size_t size() const { return ends_.size(); }
  std::span<const std::byte> operator[](size_t i) const {
    const uint32_t begin = i == 0 ? 0 : ends_[i - 1];
    return bytes_.span().subspan(begin, ends_[i] - begin);
  }
  std::span<const std::byte> all() const { return bytes_.span(); }

 private:
  Buffer bytes_;
  std::vector<uint32_t> ends_;
};

struct Page {
  Nonce nonce{};
  uint32_t height = 0;
  std::vector<Entry> entries;
  // Empty when not known. What a new page takes over need not be encoded again.
  EncodedEntries encoded;
};

Result<Page> parse_page(std::span<const std::byte> bytes, std::string_view name);
// The same, with the entries that a page parsed before has too taken from there: a page and the
// one it replaces differ in a few. `kin(bytes)` finds it by the bytes that begin with the first
// entry; nullptr: there is none.
using FindKin = std::function<const Page*(std::span<const std::byte> entries, uint32_t height)>;
Result<Page> parse_page_like(std::span<const std::byte> bytes, std::string_view name,
                             const FindKin& find_kin);
Buffer write_page(const Page& page);
// The bytes of one entry in a page of that height.
Buffer encode_entry(const Entry& entry, uint32_t height);
EncodedEntries encode_entries(std::span<const Entry> entries, uint32_t height);
// The entry of the parent page that names this one.
Entry summarize(const Page& page, const Address& address, uint64_t page_size);
// The same for a page that holds what `before` summarized, and `added` leaf entries below it.
Entry extend_summary(const Entry& before, std::span<const Entry> added, const Address& address,
                     uint64_t page_size);
Root root_of(const Page& page, FieldId field, const Address& address, uint64_t page_size);

}  // namespace dreamdb
