#include "store/doctor_load.h"

#include <algorithm>

#include "dreamdb/interrupt.h"

namespace dreamdb {

namespace {

constexpr size_t kSamplesMax = 100;
constexpr size_t kSamplesMin = 10;
constexpr uint64_t kSamplesNs = 3'000'000'000;
constexpr uint64_t kSmallBytes = 4 << 10;
constexpr uint64_t kLargeBytes = 1 << 20;
constexpr size_t kWaveFirst = 8;
constexpr size_t kWaveMax = 64;
constexpr uint64_t kWaveEnoughNs = 400'000'000;  // a wave so long tells the throughput

Buffer random_bytes(Runtime& runtime, size_t size) {
  MutableBuffer bytes(size);
  runtime.random(std::span(bytes.data(), size));
  return std::move(bytes).freeze();
}

Latency latency_of(std::vector<uint64_t> samples_ns) {
  Latency latency;
  latency.count = samples_ns.size();
  if (samples_ns.empty()) return latency;
  std::sort(samples_ns.begin(), samples_ns.end());
  const auto at = [&](double part) {
    const auto rank = static_cast<size_t>(part * static_cast<double>(samples_ns.size()));
    return static_cast<double>(samples_ns[std::min(rank, samples_ns.size() - 1)]) / 1e6;
  };
  latency.p50_ms = at(0.5);
  latency.p99_ms = at(0.99);
  return latency;
}

// Calls `act(sample)` one after the other and measures each.
template <typename Act>
Result<Latency> measure(Runtime& runtime, size_t count_max, Act act) {
  std::vector<uint64_t> samples;
  const uint64_t begin = runtime.monotonic_ns();
  while (samples.size() < count_max) {
    const uint64_t before = runtime.monotonic_ns();
    if (samples.size() >= kSamplesMin && before - begin > kSamplesNs) break;
    DREAMDB_TRY(check_interrupt());
    DREAMDB_TRY(act(samples.size()));
    samples.push_back(runtime.monotonic_ns() - before);
  }
  return latency_of(std::move(samples));
}

std::string numbered(std::string_view stem, std::string_view name, size_t number) {
  return std::string(stem) + std::string(name) + "-" + std::to_string(number);
}

double mb_per_second(size_t objects, uint64_t took_ns) {
  return static_cast<double>(objects * kLargeBytes) / 1e6 /
         (static_cast<double>(std::max<uint64_t>(took_ns, 1)) / 1e9);
}

// The first error of a wave.
Status all_well(const std::vector<Status>& statuses) {
  for (const Status& status : statuses) DREAMDB_TRY(status);
  return {};
}

Status measure_throughput(Store& store, std::string_view stem, Runtime& runtime,
                          std::vector<std::string>& keys, LoadFigures& figures) {
  const Buffer body = random_bytes(runtime, kLargeBytes);
  std::vector<std::string> large;
  uint64_t took = 0;
  for (size_t count = kWaveFirst; count <= kWaveMax && took < kWaveEnoughNs; count *= 2) {
    DREAMDB_TRY(check_interrupt());
    std::vector<PutRequest> puts;
    for (size_t i = 0; i < count; ++i) {
      large.push_back(numbered(stem, "large", large.size()));
      puts.push_back({large.back(), body});
    }
    keys.insert(keys.end(), large.end() - static_cast<ptrdiff_t>(count), large.end());
    const uint64_t begin = runtime.monotonic_ns();
    DREAMDB_TRY(all_well(store.put_many(puts)));
    took = runtime.monotonic_ns() - begin;
    figures.put_mb_s = std::max(figures.put_mb_s, mb_per_second(count, took));
  }
  took = 0;
  for (size_t count = kWaveFirst; count <= std::min(kWaveMax, large.size()) && took < kWaveEnoughNs;
       count *= 2) {
    DREAMDB_TRY(check_interrupt());
    std::vector<ReadRequest> reads;
    // The last ones: their size is told, so that a server need not be asked for it.
    for (size_t i = 0; i < count; ++i)
      reads.push_back({large[large.size() - 1 - i], 0, kLargeBytes});
    const uint64_t begin = runtime.monotonic_ns();
    for (const Result<Buffer>& result : store.read_many(reads)) {
      if (!result) return std::unexpected(result.error());
      if (result->view() != body.view())
        return fail(Code::kCorruption, store.describe() +
                                           " gave other bytes than were written; do not use it, or "
                                           "the proxy before it");
    }
    took = runtime.monotonic_ns() - begin;
    figures.get_mb_s = std::max(figures.get_mb_s, mb_per_second(count, took));
  }
  return {};
}

}  // namespace

Result<LoadFigures> measure_load(Store& store, std::string_view stem, Runtime& runtime,
                                 std::vector<std::string>& keys) {
  LoadFigures figures;
  const Buffer body = random_bytes(runtime, kSmallBytes);
  std::vector<std::string> small;
  DREAMDB_ASSIGN(figures.small_put, measure(runtime, kSamplesMax, [&](size_t sample) -> Status {
                   small.push_back(numbered(stem, "small", sample));
                   keys.push_back(small.back());
                   const PutRequest put{small.back(), body};
                   return all_well(store.put_many(std::span(&put, 1)));
                 }));
  DREAMDB_ASSIGN(figures.small_get, measure(runtime, small.size(), [&](size_t sample) -> Status {
                   const ReadRequest read{small[sample], 0, kSmallBytes};
                   const Result<Buffer> got =
                       std::move(store.read_many(std::span(&read, 1)).front());
                   if (!got) return std::unexpected(got.error());
                   return {};
                 }));
  DREAMDB_TRY(measure_throughput(store, stem, runtime, keys, figures));
  return figures;
}

}  // namespace dreamdb
