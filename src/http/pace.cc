#include "http/pace.h"

#include <algorithm>

namespace dreamdb {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kBytesMax = 8ull << 30;  // times a second fits into 64 bits

}  // namespace

uint64_t Pace::pay(uint64_t now_ns, uint64_t bytes) {
  const uint64_t worth_ns = std::min(bytes, kBytesMax) * kSecondNs / kPaceBytesPerSecond;
  const uint64_t paid_ns = std::min(worth_ns, unpaid_ns(now_ns));
  paid_to_ns_ += paid_ns;
  return paid_ns;
}

uint64_t Pace::unpaid_ns(uint64_t now_ns) const { return now_ns - std::min(now_ns, paid_to_ns_); }

}  // namespace dreamdb
