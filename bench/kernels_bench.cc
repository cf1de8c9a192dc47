// The kernels of the quantizer at 512 dimensions: 1-bit codes scanned from the cache and from
// memory, and a row encoded, by one thread unless said; the bars are those of one core.
#include <time.h>

#include <algorithm>
#include <functional>
#include <string_view>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"
#include "simd/simd.h"

namespace dreamdb::bench {

namespace {

constexpr double kCodesASecond = 350e6;
constexpr double kMemoryBar = 0.8;
constexpr double kEncodeNs = 4000;

constexpr size_t kWords = kDim / 64;
constexpr size_t kCellRows = 4096;
constexpr size_t kQueries = 32;  // of a batch
constexpr size_t kRowBytes = kDim / 8 + 3 * sizeof(float);
constexpr size_t kCellBytes = kCellRows * kRowBytes;

// Seconds of a processor that `work`, of about a millisecond, takes on this thread: the least of
// kSlices. A bar of one core does not ask who else runs on it or on the other half of it.
double core_seconds(const std::function<void()>& work) {
  constexpr size_t kSlices = 50;
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  double least = 1e9;
  for (size_t i = 0; i < kSlices; ++i) {
    const double start = now();
    work();
    least = std::min(least, now() - start);
  }
  return least;
}

// Cells as a code segment holds them: codes, then three arrays of factors.
Buffer make_cells(size_t cells) {
  MutableBuffer out(cells * kCellBytes);
  fill_noise(out.span(), 1);
  for (size_t i = 0; i < cells; ++i) {
    std::byte* factors = out.data() + i * kCellBytes + kCellRows * kDim / 8;
    fill_floats({reinterpret_cast<float*>(factors), 3 * kCellRows}, i);
  }
  return std::move(out).freeze();
}

class Scan {
 public:
  Scan() : planes_(kQueries * 4 * kWords) {
    fill_noise(std::as_writable_bytes(std::span(planes_)), 2);
    for (size_t i = 0; i < kQueries; ++i)
      queries_.push_back({planes_.data() + i * 4 * kWords, kWords, 0.001f, 0.5f, 1.25f});
  }

  // Scans cells [first, first + count); what it finds stays in the cache.
  void cells(const simd::Kernels& kernels, const Buffer& cells, size_t first, size_t count) const {
    thread_local MutableBuffer bounds(2 * kCellRows * sizeof(float));
    auto* lower = reinterpret_cast<float*>(bounds.data());
    for (size_t i = first; i < first + count; ++i) {
      const std::byte* cell = cells.data() + i * kCellBytes;
      const auto* add = reinterpret_cast<const float*>(cell + kCellRows * kDim / 8);
      kernels.scan_bits(queries_[0], reinterpret_cast<const uint64_t*>(cell), add, add + kCellRows,
                        add + 2 * kCellRows, kCellRows, lower, lower + kCellRows);
    }
  }

  // Each query over a cell, all at once or one after the other.
  void many(const std::byte* cell, bool at_once, float* lower, float* upper) const {
    const simd::Kernels& kernels = simd::active();
    const auto* codes = reinterpret_cast<const uint64_t*>(cell);
    const auto* add = reinterpret_cast<const float*>(cell + kCellRows * kDim / 8);
    const float *scale = add + kCellRows, *err = scale + kCellRows;
    if (at_once)
      kernels.scan_bits_many(queries_.data(), kQueries, codes, add, scale, err, kCellRows, lower,
                             upper);
    else
      for (size_t i = 0; i < kQueries; ++i)
        kernels.scan_bits(queries_[i], codes, add, scale, err, kCellRows, lower + i * kCellRows,
                          upper + i * kCellRows);
  }

 private:
  std::vector<uint64_t> planes_;
  std::vector<simd::BitQuery> queries_;
};

// Codes a second of a core, of `repeats` scans of `cells`.
Side scan_again(const Scan& scan, const simd::Kernels& kernels, const Buffer& cells,
                size_t repeats) {
  return [&scan, &kernels, &cells, repeats]() -> Result<double> {
    const size_t count = cells.size() / kCellBytes;
    const double seconds = core_seconds([&] {
      for (size_t i = 0; i < repeats; ++i) scan.cells(kernels, cells, 0, count);
    });
    return static_cast<double>(repeats * count * kCellRows) / seconds / 1e6;
  };
}

// `ours` alone, against a number.
Result<Figure> against_number(Figure figure, size_t repeats, const Side& ours, double number) {
  if (const auto warm = ours(); !warm) return std::unexpected(warm.error());
  const Side fixed = [number]() -> Result<double> { return number; };
  DREAMDB_ASSIGN(figure, alternate(std::move(figure), repeats, ours, fixed));
  figure.cpu_ratio = 0;
  return figure;
}

Status scan_cached(const Settings& settings, const Scan& scan) {
  constexpr size_t kCells = 2;  // 600 KB
  constexpr size_t kRepeats = 40;
  const Buffer cells = make_cells(kCells);
  const Side best = scan_again(scan, simd::active(), cells, kRepeats);
  Figure figure("scan, cache", "M codes/s", "350 M codes/s");
  // The bar is that of machines that count bits in vectors.
  const std::string_view name = simd::active().name;
  if (name == "avx512_bitalg" || name == "avx512_bf16" || name == "amx") figure.at_least(1);
  DREAMDB_ASSIGN(figure,
                 against_number(std::move(figure), settings.repeats, best, kCodesASecond / 1e6));
  print(figure);
  for (const simd::Kernels* kernels : simd::available()) {
    if (kernels == &simd::active()) continue;
    Figure other(std::string("scan, cache, ") + kernels->name, "M codes/s", simd::active().name);
    DREAMDB_ASSIGN(other, alternate(std::move(other), settings.repeats,
                                    scan_again(scan, *kernels, cells, kRepeats / 10), best));
    print(other);
  }
  return {};
}

Status scan_many(const Settings& settings, const Scan& scan) {
  constexpr size_t kRepeats = 4;
  constexpr size_t kScores = kQueries * kCellRows;
  const Buffer cell = make_cells(1);
  MutableBuffer bounds(2 * kScores * sizeof(float));
  auto* lower = reinterpret_cast<float*>(bounds.data());
  const auto side = [&](bool at_once) -> Side {
    return [&, at_once]() -> Result<double> {
      const double seconds = core_seconds([&] {
        for (size_t i = 0; i < kRepeats; ++i)
          scan.many(cell.data(), at_once, lower, lower + kScores);
      });
      return static_cast<double>(kRepeats * kScores) / seconds / 1e6;
    };
  };
  DREAMDB_ASSIGN(const Figure figure,
                 alternate(Figure("scan, cache, 32 queries", "M codes/s", "one after the other"),
                           settings.repeats, side(true), side(false)));
  print(figure);
  return {};
}

Status scan_memory(const Settings& settings, const Scan& scan, size_t threads) {
  const size_t count = settings.size_bytes / kCellBytes + 1;
  const Buffer cells = make_cells(count);
  const auto gigabytes = static_cast<double>(cells.size()) / 1e9;
  constexpr size_t kPieceCells = 27;  // 8 MB
  const Side ours = [&]() -> Result<double> {
    DREAMDB_ASSIGN(const double seconds, timed([&] {
                     return on_threads(threads, (count + kPieceCells - 1) / kPieceCells,
                                       [&](size_t piece) -> Status {
                                         const size_t first = piece * kPieceCells;
                                         scan.cells(simd::active(), cells, first,
                                                    std::min(kPieceCells, count - first));
                                         return {};
                                       });
                   }));
    return gigabytes / seconds;
  };
  const Side baseline = [&]() -> Result<double> {
    return gigabytes / read_memory(cells.span(), threads);
  };
  Figure figure("scan, memory, " + std::to_string(threads) + " threads", "GB/s",
                "read as much memory");
  figure.at_least(kMemoryBar);
  DREAMDB_ASSIGN(figure, alternate(std::move(figure), settings.repeats, ours, baseline));
  figure.note = std::to_string(kRowBytes) + " bytes a code";
  print(figure);
  return {};
}

}  // namespace

Status scan(const Settings& settings) {
  const Scan scan;
  DREAMDB_TRY(scan_cached(settings, scan));
  DREAMDB_TRY(scan_many(settings, scan));
  DREAMDB_TRY(scan_memory(settings, scan, 1));
  if (settings.threads > 1) DREAMDB_TRY(scan_memory(settings, scan, settings.threads));
  return {};
}

Status encode(const Settings& settings) {
  constexpr size_t kRows = 256;
  constexpr size_t kRepeats = 4;
  std::vector<float> rows(kRows * kDim), t(kDim);
  fill_floats(rows, 3);
  fill_floats(t, 4);
  uint64_t signs[4 * kWords], bits[kWords];
  fill_noise(std::as_writable_bytes(std::span(signs)), 5);
  float sums[3];
  const simd::Kernels& kernels = simd::active();
  const auto measure = [&](const char* name, auto&& work) -> Result<Figure> {
    const Side ours = [&]() -> Result<double> {
      const double seconds = core_seconds([&] {
        for (size_t i = 0; i < kRepeats * kRows; ++i) work(rows.data() + i % kRows * kDim);
      });
      return seconds * 1e9 / (kRepeats * kRows);
    };
    return against_number(Figure(name, "ns", "4 us for a row"), settings.repeats, ours, kEncodeNs);
  };
  DREAMDB_ASSIGN(Figure rotate, measure("encode, rotation",
                                        [&](float* row) { kernels.rotate(row, kDim, signs); }));
  print(rotate);
  DREAMDB_ASSIGN(Figure all, measure("encode, all kernels", [&](float* row) {
                   sums[0] = kernels.dot_ordered(row, t.data(), kDim);
                   kernels.rotate(row, kDim, signs);
                   kernels.encode_bits(row, t.data(), kDim, bits, sums);
                 }));
  print(all.at_most(1));
  return {};
}

}  // namespace dreamdb::bench
