// Deterministic CBOR (spec chapter 3): a writer that can only write the one encoding, and a
// pull parser that refuses every other.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb {

// Arrays and maps within each other, at most (S3.5).
inline constexpr size_t kCborNestingMax = 16;

// Appends items to a growing byte string. The caller writes map keys in the deterministic order;
// CborMap below sorts them.
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
  // The writer to put the one value of `key` into; valid until the next call. Each key once.
  CborWriter& operator[](std::string_view key);
  void write(CborWriter& out) const;
  std::vector<std::byte> encode() const;

 private:
  std::vector<std::pair<std::string, CborWriter>> pairs_;
};

enum class CborType : uint8_t {
  kUint,
  kNegative,
  kBytes,
  kText,
  kArray,
  kMap,
  kFalse,
  kTrue,
  kNull,
  kFloat
};

// Pull parser over borrowed bytes, which must outlive it and what it returns. Every call checks
// type, shortest form, lengths against the bytes left, UTF-8, nesting and the order of map keys;
// what breaks a rule is Corruption, with the offset, what was expected and what was found. After an
// error the reader is of no more use. In a map, `key` or `uint_key` and a value take turns
// (asserted: which one is due depends on the caller alone). A copy reads ahead without moving the
// original.
class CborReader {
 public:
  explicit CborReader(std::span<const std::byte> bytes)
      : at_(bytes.data()), begin_(bytes.data()), end_(bytes.data() + bytes.size()) {}

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
  Status finish();  // one item was read, nothing follows, nothing is open
  Status skip();    // one whole item, checked
  size_t offset() const { return static_cast<size_t>(at_ - begin_); }
  // The encoded bytes of the next item, consumed.
  Result<std::span<const std::byte>> raw_item();
  // Consumes the next item of the open array if it is, byte for byte, `item`: one that was read
  // and checked before. (No encoded item is the beginning of another.)
  bool known_item(std::span<const std::byte> item);
  std::span<const std::byte> rest() const { return {at_, end_}; }

 private:
  struct Head {
    uint8_t major = 0;
    uint8_t info = 0;  // low five bits of the first byte
    uint64_t value = 0;
  };
  struct Open {
    uint64_t left;  // items, or keys and values together
    bool is_map;
    std::span<const std::byte> last_key;  // encoded; empty before the first
  };
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  std::unexpected<Error> bad(std::string_view expected) const;
  std::unexpected<Error> bad(std::string_view expected, std::string_view found) const;
  Status decode_head(Head& head);
  Status expect(uint8_t major, std::string_view what, Head& head);
  Status string(uint8_t major, std::string_view what, std::span<const std::byte>& out);
  Status take_item();
  Status take_key(const std::byte* start);
  Status open(uint8_t major, std::string_view what, uint64_t& count);
  Status float_value(const Head& head, double& out);
  Status skip_key();
  Status skip_leaf_or_open();

  const std::byte* at_;
  const std::byte* begin_;
  const std::byte* end_;
  size_t depth_ = 0;
  bool has_root_ = false;  // the one item at the top was begun
  std::array<Open, kCborNestingMax> open_;
};

}  // namespace dreamdb
