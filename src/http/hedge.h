// When a request that takes long is sent a second time, and how many may be.
//
// A request is late when it took three times as long as all but 5 % of its like took lately, and at
// least 50 ms. Its like are those that may receive about as many bytes: a ref and a piece of 8 MiB
// have nothing to learn from each other. At most one request in 20 is hedged, whatever happens: a
// server that slows down under load must not get more of it.
//
// Source: Dean and Barroso, The Tail at Scale, 2013. Thread rule: the owner guards it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace dreamdb {

class Hedges {
 public:
  // A request (no hedge) began; each pays for a part of a hedge.
  void began();
  // True, and paid for, when a hedge may be sent now.
  bool take();
  // A request that may receive `bytes_max` got its whole reply after so long.
  void took(uint64_t bytes_max, uint64_t duration_ns);
  // After how long a request of that size is late; empty while too few of its like are known.
  std::optional<uint64_t> patience_ns(uint64_t bytes_max) const;

 private:
  static constexpr size_t kKept = 128;  // the latest of each kind
  static constexpr size_t kKinds = 65;  // one for each bit width
  struct Kind {
    std::array<uint32_t, kKept> durations_us{};
    size_t count = 0;          // ever seen
    uint64_t patience_ns = 0;  // as of the last time it was computed
  };

  uint32_t credit_ = 0;  // a hedge costs kPrice
  std::array<Kind, kKinds> kinds_;
};

}  // namespace dreamdb
