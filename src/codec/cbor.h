// Deterministic CBOR (spec chapter 3): a writer that can only write the one encoding, and a
// pull parser that refuses every other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb {

// Appends items to a growing byte string. The caller writes map keys in the deterministic order
// (asserted in `finish`-free form by CborMap below).
class CborWriter {
 public:
  void uint(uint64_t value);
  void integer(int64_t value);
  void bytes(std::span<const std::byte> value);
  void text(std::string_view value);
  void array(uint64_t count);  // then `count` items
  void map(uint64_t count);    // then `count` pairs, keys ascending by encoded bytes
  void boolean(bool value);
  void null();
  void real(double value);

  size_t size() const { return out_.size(); }
  std::span<const std::byte> span() const { return out_; }
  std::vector<std::byte> take() && { return std::move(out_); }
  // Appends an item that is encoded already.
  void raw(std::span<const std::byte> item);

 private:
  void head(uint8_t major, uint64_t value);
  std::vector<std::byte> out_;
};

// Collects the pairs of a text-keyed map in any order and writes them sorted.
class CborMap {
 public:
  // The writer to put the value of `key` into; valid until the next call.
  CborWriter& operator[](std::string_view key);
  void write(CborWriter& out) const;
  std::vector<std::byte> encode() const;

 private:
  std::vector<std::pair<std::string, CborWriter>> pairs_;
};

enum class CborType : uint8_t { kUint, kNegative, kBytes, kText, kArray, kMap, kFalse, kTrue, kNull, kFloat };

// Pull parser over borrowed bytes. The first error sticks in what it returns; each call checks
// type, shortest form, lengths against the bytes left, UTF-8, nesting and the order of map keys.
class CborReader {
 public:
  explicit CborReader(std::span<const std::byte> bytes) : rest_(bytes), total_(bytes.size()) {}

  Result<CborType> peek() const;
  Result<uint64_t> uint();
  Result<int64_t> integer();  // an unsigned or negative one that fits i64
  Result<std::span<const std::byte>> bytes();
  Result<std::span<const std::byte>> bytes(size_t exactly);
  Result<std::string_view> text();
  Result<bool> boolean();
  Status null();
  Result<double> real();
  // Opens an array or map: the count of items or pairs. Close with `end` when they are read.
  Result<uint64_t> array();
  Result<uint64_t> array(uint64_t exactly);
  Result<uint64_t> map();
  // Next key of the open map, checked to be greater than the one before.
  Result<std::string_view> key();
  Result<uint64_t> uint_key();
  Status end();     // of the innermost open array or map: all items must have been read
  Status finish();  // nothing follows, nothing is open
  Status skip();    // one whole item, checked
  size_t offset() const { return total_ - rest_.size(); }
  // The encoded bytes of the next item, consumed.
  Result<std::span<const std::byte>> raw_item();

 private:
  struct Head;
  struct Open {
    uint64_t left;                         // items, or keys and values together
    bool is_map;
    std::span<const std::byte> last_key;   // encoded
  };
  Result<Head> head();
  Status take_item();
  std::span<const std::byte> rest_;
  size_t total_;
  std::vector<Open> open_;
};

}  // namespace dreamdb
