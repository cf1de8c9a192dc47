// Clock, sleep and random numbers behind one interface, so that a seeded scheduler can stand in.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dreamdb {

class Runtime {
 public:
  virtual ~Runtime() = default;

  // Wall clock, Unix nanoseconds. May jump when somebody sets the clock.
  virtual uint64_t now_ns() = 0;

  // Nanoseconds since an arbitrary point; never goes back. For timeouts and measurements.
  virtual uint64_t monotonic_ns() = 0;

  // Returns after at least `duration_ns`.
  virtual void sleep_ns(uint64_t duration_ns) = 0;

  // Fills `out` with bytes that no other process draws (the kernel's generator): good for ids.
  virtual void random(std::span<std::byte> out) = 0;
};

// The machine's own clock and generator; lives for ever.
Runtime& real_runtime();

// `size_bytes` random bytes as lowercase hexadecimal text, twice as many characters.
std::string random_hex(Runtime& runtime, size_t size_bytes);

}  // namespace dreamdb
