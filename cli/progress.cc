// Drawing the progress line.
#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "cli/text.h"
#include "runtime/runtime.h"

namespace dreamdb::cli {

namespace {

constexpr uint64_t kRedrawNs = 200'000'000;
constexpr double kSecondsMin = 1e-6;  // a clock that did not move must not divide by zero

void to_stderr(std::string_view text) {
  // Best effort: standard error that is gone is no reason to stop the work.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

std::string throughput(uint64_t rows, uint64_t bytes, double seconds) {
  const double s = std::max(seconds, kSecondsMin);
  return with_commas(rows) + " rows, " + human_bytes(bytes) + " in " + human_rate(s) +
         " s: " + human_rate(static_cast<double>(rows) / s) + " rows/s, " +
         human_bytes(static_cast<uint64_t>(static_cast<double>(bytes) / s)) + "/s";
}

Progress::Progress(std::string verb, bool wanted)
    : verb_(std::move(verb)),
      shown_(wanted && ::isatty(STDERR_FILENO) == 1),
      began_ns_(real_runtime().monotonic_ns()) {}

double Progress::seconds() const {
  return static_cast<double>(real_runtime().monotonic_ns() - began_ns_) / 1e9;
}

void Progress::update(uint64_t rows, uint64_t bytes) {
  if (shown_) show(throughput(rows, bytes, seconds()));
}

void Progress::show(const std::string& text) {
  if (!shown_) return;
  const uint64_t now = real_runtime().monotonic_ns();
  if (drawn_ && now - drawn_ns_ < kRedrawNs) return;
  drawn_ns_ = now;
  drawn_ = true;
  to_stderr("\r\x1b[K" + verb_ + ": " + text);
}

void Progress::note(const std::string& text) {
  clear();
  to_stderr("dreamdb " + verb_ + ": " + text + "\n");
}

void Progress::clear() {
  if (drawn_) to_stderr("\r\x1b[K");
  drawn_ = false;
}

}  // namespace dreamdb::cli
