// How long a call may go on because bytes move: they pay for the time they took, at a least rate.
//
// A request has a budget of time without progress. On a slow link a large body takes longer than
// that, and many requests share the link; so progress is what all requests of a call move together.
// Bytes pay at once for time that has passed, never for time to come: after a pause as long as the
// budget a request has ended, however much came before; and who sends a byte now and then pays for
// next to nothing.
//
// Thread rule: the owner guards it; pure.
#pragma once

#include <cstdint>

namespace dreamdb {

// Each so many bytes pay for a second: less than any link gives by which data is worth reading, and
// enough that a body of 8 MiB ends within ten minutes.
inline constexpr uint64_t kPaceBytesPerSecond = 16 << 10;

class Pace {
 public:
  explicit Pace(uint64_t now_ns) : paid_to_ns_(now_ns) {}

  // `bytes`: moved since the last call. How much of the time that was not paid for they pay.
  uint64_t pay(uint64_t now_ns, uint64_t bytes);
  // Time until now that no bytes have paid for.
  uint64_t unpaid_ns(uint64_t now_ns) const;

 private:
  uint64_t paid_to_ns_;  // as if all paid time came first
};

}  // namespace dreamdb
