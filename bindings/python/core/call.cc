#include "call.h"

#include <chrono>

namespace dreamdb::python {

namespace {

// Taking the GIL costs microseconds when idle and up to 5 ms when others run: at most 50 a second.
constexpr std::chrono::milliseconds kPollInterval{20};

}  // namespace

bool signal_raised() {
  using Clock = std::chrono::steady_clock;
  thread_local Clock::time_point last;
  const Clock::time_point now = Clock::now();
  if (now - last < kPollInterval) return false;
  last = now;
  const GilHeld gil;
  return PyErr_Occurred() != nullptr || PyErr_CheckSignals() != 0;
}

}  // namespace dreamdb::python
