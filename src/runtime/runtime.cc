// The machine's own clock, sleep and random numbers.
#include "runtime/runtime.h"

#include <sys/random.h>
#include <time.h>

#include <cerrno>
#include <vector>

#include "base/assert.h"

namespace dreamdb {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

uint64_t read_clock(clockid_t clock) {
  timespec time{};
  DREAMDB_ASSERT(clock_gettime(clock, &time) == 0);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

class RealRuntime final : public Runtime {
 public:
  uint64_t now_ns() override { return read_clock(CLOCK_REALTIME); }

  uint64_t monotonic_ns() override { return read_clock(CLOCK_MONOTONIC); }

  void sleep_ns(uint64_t duration_ns) override {
    timespec left{};
    left.tv_sec = static_cast<time_t>(duration_ns / kNsPerSecond);
    left.tv_nsec = static_cast<long>(duration_ns % kNsPerSecond);
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
  }

  void random(std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t size = getrandom(out.data(), out.size(), 0);
      // Without the flags that allow it to fail, getrandom ends early only because of a signal.
      DREAMDB_ASSERT(size >= 0 || errno == EINTR);
      if (size > 0) out = out.subspan(static_cast<size_t>(size));
    }
  }
};

}  // namespace

Runtime& real_runtime() {
  static RealRuntime* const runtime = new RealRuntime;  // never destroyed: used until exit
  return *runtime;
}

std::string random_hex(Runtime& runtime, size_t size_bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::vector<std::byte> bytes(size_bytes);
  runtime.random(bytes);
  std::string text;
  text.reserve(2 * size_bytes);
  for (const std::byte byte : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
  }
  return text;
}

}  // namespace dreamdb
