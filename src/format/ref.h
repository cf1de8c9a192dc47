// Timelines and refs (spec chapter 4).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "codec/address.h"
#include "dreamdb/buffer.h"
#include "format/nonce.h"

namespace dreamdb {

struct Genesis {
  Nonce nonce{};
  int64_t origin_ns = 0;
  uint64_t time_ns = 0;
};

struct Ref {
  Nonce nonce{};
  Address manifest;
  uint64_t epoch = 0;
  WriteId write{};
  bool snapshot = false;
  uint64_t time_ns = 0;
};

// `name` (a key) goes into the message of an error: Corruption, or Unsupported for a newer `v`.
Result<Genesis> parse_genesis(std::span<const std::byte> bytes, std::string_view name);
Buffer write_genesis(const Genesis& genesis);
Result<Ref> parse_ref(std::span<const std::byte> bytes, std::string_view name);
Buffer write_ref(const Ref& ref);

}  // namespace dreamdb
