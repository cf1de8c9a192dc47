#include "http/hedge.h"

#include <algorithm>
#include <bit>

namespace dreamdb {

namespace {

constexpr uint32_t kPrice = 20;          // requests for each hedge
constexpr uint32_t kCreditMax = 20 * 8;  // so many hedges at once after a quiet time
constexpr size_t kKnownMin = 16;
constexpr size_t kRefresh = 8;  // the quantile is computed at each so many
constexpr uint64_t kPatienceMinNs = 50'000'000;
constexpr uint64_t kLateFactor = 3;
constexpr size_t kQuantilePercent = 95;

}  // namespace

void Hedges::began() { credit_ = std::min(credit_ + 1, kCreditMax); }

bool Hedges::take() {
  if (credit_ < kPrice) return false;
  credit_ -= kPrice;
  return true;
}

void Hedges::took(uint64_t bytes_max, uint64_t duration_ns) {
  Kind& kind = kinds_[static_cast<size_t>(std::bit_width(bytes_max))];
  kind.durations_us[kind.count++ % kKept] =
      static_cast<uint32_t>(std::min<uint64_t>(duration_ns / 1'000, UINT32_MAX));
  if (kind.count < kKnownMin || kind.count % kRefresh != 0) return;
  auto sorted = kind.durations_us;
  const size_t known = std::min(kind.count, kKept);
  const auto at = sorted.begin() + static_cast<ptrdiff_t>(known * kQuantilePercent / 100);
  std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<ptrdiff_t>(known));
  kind.patience_ns = std::max(kPatienceMinNs, kLateFactor * 1'000 * uint64_t{*at});
}

std::optional<uint64_t> Hedges::patience_ns(uint64_t bytes_max) const {
  const Kind& kind = kinds_[static_cast<size_t>(std::bit_width(bytes_max))];
  if (kind.patience_ns == 0) return std::nullopt;
  return kind.patience_ns;
}

}  // namespace dreamdb
