#include "http/retry.h"

#include <algorithm>
#include <charconv>

#include "http/http_date.h"

namespace dreamdb {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kDayNs = 86'400 * kSecondNs;
constexpr uint64_t kFirstPauseNs = 40'000'000;
constexpr uint64_t kPauseMaxNs = 4 * kSecondNs;
constexpr uint64_t kUnreachableBudgetNs = 10 * kSecondNs;

}  // namespace

std::optional<uint64_t> parse_retry_after(std::string_view text, uint64_t server_now_ns) {
  uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc::result_out_of_range) return kDayNs;
  if (error == std::errc() && end == text.data() + text.size())
    return seconds < kDayNs / kSecondNs ? seconds * kSecondNs : kDayNs;
  const auto date = parse_http_date(text);
  if (!date) return std::nullopt;
  const uint64_t due_ns = static_cast<uint64_t>(*date) * kSecondNs;
  return due_ns > server_now_ns ? std::min(due_ns - server_now_ns, kDayNs) : 0;
}

bool may_pass(const HttpReply& reply) {
  if (reply.failure == HttpFailure::kRefused) return false;
  if (reply.failure != HttpFailure::kNone) return true;
  if (reply.status == 408 || reply.status == 429) return true;
  return reply.status >= 500 && reply.status != 501 && reply.status != 505;
}

bool may_repeat(const HttpReply& reply, Repeat repeat) {
  return repeat == Repeat::kIdempotent || reply.failure == HttpFailure::kNotSent;
}

uint64_t retry_pause_ns(uint32_t failures, uint32_t draw, std::optional<uint64_t> asked_ns) {
  const uint32_t doublings = std::clamp(failures, 1u, 20u) - 1;
  const uint64_t most_ns = std::min(kFirstPauseNs << doublings, kPauseMaxNs);
  // 4 s times 2^32 fits into 64 bits.
  return asked_ns.value_or(0) + ((most_ns * draw) >> 32);
}

uint64_t budget_of(HttpFailure last, uint64_t budget_ns) {
  return last == HttpFailure::kNotSent ? std::min(budget_ns, kUnreachableBudgetNs) : budget_ns;
}

}  // namespace dreamdb
