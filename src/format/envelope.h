// Reads the maps of structured objects key by key (spec 3.1): a parser is a table of its keys in
// the deterministic order, shorter keys first.
//
// The first error sticks: later calls do nothing, and `end` or `finish` returns it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "codec/address.h"
#include "codec/cbor.h"
#include "format/nonce.h"

namespace dreamdb {

// A map inside an object. Every key asked for by name must come next; unknown keys are refused.
class MapReader {
 public:
  // Opens the map that comes next in `in`, which must outlive this.
  explicit MapReader(CborReader& in);

  void uint(std::string_view key, uint64_t& out, uint64_t max = UINT64_MAX);
  void uint(std::string_view key, uint32_t& out, uint32_t max = UINT32_MAX);
  void integer(std::string_view key, int64_t& out);
  void boolean(std::string_view key, bool& out);
  void text(std::string_view key, std::string& out, size_t bytes_max = SIZE_MAX);
  void fixed(std::string_view key, std::array<std::byte, 16>& out);
  void address(std::string_view key, Address& out);

  // parse(CborReader&) -> Status reads the value of `key`.
  template <typename F>
  void value(std::string_view key, F parse) {
    if (expect(key)) keep(key, parse(in_));
  }
  // The same for a key that may be absent; whether it was there.
  template <typename F>
  bool optional(std::string_view key, F parse) {
    if (!is_next(key)) return false;
    value(key, parse);
    return true;
  }
  // check() -> Status runs if all went well so far.
  template <typename F>
  void check(F check) {
    if (status_) status_ = check();
  }

  // Closes the map: the first error, or one about a key that nobody asked for.
  Status end();

 protected:
  // Of the outermost map: kind, v and nonce are read wherever they stand.
  MapReader(CborReader& in, std::string_view kind, Nonce& nonce);
  // Whether the next key is this one.
  bool is_next(std::string_view key);
  bool expect(std::string_view key);
  void keep(std::string_view key, Status status);

 private:
  void advance();
  bool take_envelope_key();

  CborReader& in_;
  Status status_;
  uint64_t left_ = 0;
  std::optional<std::string_view> next_;  // read and not yet asked for
  std::string_view kind_;                 // of the object; empty in an inner map
  Nonce* nonce_ = nullptr;                // not yet read
};

namespace envelope_detail {
// Holds the parser before the map that reads from it.
struct Bytes {
  explicit Bytes(std::span<const std::byte> bytes) : reader(bytes) {}
  CborReader reader;
};
}  // namespace envelope_detail

// A whole structured object. Size, kind and version are checked before anything else.
class Envelope : private envelope_detail::Bytes, public MapReader {
 public:
  // name: the key of the object, for messages. kind: "manifest", ... bytes_max: spec 1.3.
  // `bytes`, `name`, `kind` and `nonce` must outlive this; `nonce` is filled.
  // version_max: up to which `v` of this kind this program reads.
  Envelope(std::span<const std::byte> bytes, std::string_view name, std::string_view kind,
           size_t bytes_max, Nonce& nonce, uint64_t version_max = 1);

  // `v`; 0 when the envelope could not be read.
  uint64_t version() const { return version_; }

  // Nothing may follow. Corruption that names the object, or Unsupported for a newer version.
  Status finish();

 private:
  Status open(std::span<const std::byte> bytes, size_t bytes_max, uint64_t version_max);

  std::string_view name_;
  std::string_view what_;
  uint64_t version_ = 0;
  Status opened_;
};

// A map with `kind`, `v` and `nonce`, to which the writer of a structured object adds its keys.
CborMap new_envelope(std::string_view kind, const Nonce& nonce, uint64_t version = 1);

// Corruption that says what was expected and what was found.
std::unexpected<Error> corrupt(std::string_view expected, std::string_view found);

}  // namespace dreamdb
