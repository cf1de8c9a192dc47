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

// How long what a ref has passed is told at most (S4.5, S11.13): for a day.
inline constexpr uint64_t kPassedKeptNs = 86'400'000'000'000;

// What a ref named until it moved on to a version that was there already.
struct PassedVersion {
  Address manifest;
  uint64_t time_ns = 0;  // when that was, by the clock of who moved it

  bool operator==(const PassedVersion&) const = default;
};

struct Ref {
  Nonce nonce{};
  Address manifest;
  uint64_t epoch = 0;
  WriteId write{};
  bool snapshot = false;
  uint64_t time_ns = 0;
  std::vector<PassedVersion> passed;  // in the order of time, at most kRefPassedMax
};

// `name` (a key) goes into the message of an error: Corruption, or Unsupported for a newer `v`.
Result<Genesis> parse_genesis(std::span<const std::byte> bytes, std::string_view name);
Buffer write_genesis(const Genesis& genesis);
Result<Ref> parse_ref(std::span<const std::byte> bytes, std::string_view name);
Buffer write_ref(const Ref& ref);

}  // namespace dreamdb
