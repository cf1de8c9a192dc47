// What the quantizer's kernels give for inputs that are the same everywhere, as one number a
// kernel; for tests only. Codes are stored under content addresses, so no machine, instruction set
// or version may give another: a change of kGolden is a change of the format.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "simd/kernels.h"

namespace dreamdb::simd {

constexpr const char* kGoldenNames[] = {"rotate",    "dot_ordered",     "encode_bits",
                                        "scan_bits", "select_at_least", "scan_bits_many"};
using Digests = std::array<uint64_t, std::size(kGoldenNames)>;

constexpr Digests kGolden = {0xeecb884e698bea52, 0xe65cf2c412602cc4, 0x80336c6e35679e4c,
                             0x74dacb305a1489b2, 0xa4ea6025d63c1501, 0x4c4beb186d937e79};

class GoldenInput {
 public:
  uint64_t word() {  // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }
  std::vector<uint64_t> words(size_t count) {
    std::vector<uint64_t> out(count);
    for (uint64_t& x : out) x = word();
    return out;
  }
  // Both signs, sizes from 2^-8 to 2^8, now and then a zero; made without arithmetic.
  std::vector<float> floats(size_t count) {
    std::vector<float> out(count);
    for (float& x : out) {
      const uint64_t bits = word();
      const auto exponent = static_cast<uint32_t>(119 + bits % 16);
      const auto rest = static_cast<uint32_t>(bits >> 32);
      x = std::bit_cast<float>(bits >> 8 & 15 ? (rest & 0x807fffffu) | exponent << 23
                                              : rest & 0x80000000u);
    }
    return out;
  }

 private:
  uint64_t state_ = 88172645463325252;
};

template <typename T>
void add_to_digest(uint64_t& digest, const T* values, size_t count) {  // FNV-1a
  for (size_t i = 0; i < count; ++i)
    for (size_t byte = 0; byte < sizeof(T); ++byte) {
      digest ^= reinterpret_cast<const uint8_t*>(values + i)[byte];
      digest *= 0x100000001b3;
    }
}

// The values that dot_levels goes by, as kernels.h says it.
inline std::vector<float> expected_levels(const std::vector<uint64_t>& high,
                                          const std::vector<uint8_t>& low, unsigned width,
                                          size_t dim) {
  std::vector<float> values(dim);
  for (size_t j = 0; j < dim; ++j) {
    uint32_t level = static_cast<uint32_t>(high[j / 64] >> j % 64 & 1) << width;
    for (size_t i = 0, bit = j * width; i < width; ++i, ++bit)
      level |= static_cast<uint32_t>(low[bit / 8] >> bit % 8 & 1) << i;
    values[j] = static_cast<float>(level) - static_cast<float>((2u << width) - 1) / 2;
  }
  return values;
}

// Whether dot_levels of a query of small whole numbers is what it has to be: those have no sums
// that are rounded.
inline bool finds_levels(const Kernels& kernels, GoldenInput& input, unsigned width, size_t dim) {
  const std::vector<uint64_t> high = input.words(dim / 64);
  std::vector<uint8_t> low(dim / 8 * width);
  for (uint8_t& byte : low) byte = static_cast<uint8_t>(input.word());
  std::vector<float> query(dim);
  for (float& value : query) value = static_cast<float>(input.word() % 15) - 7;
  const std::vector<float> values = expected_levels(high, low, width, dim);
  double expected = 0;
  for (size_t j = 0; j < dim; ++j) expected += static_cast<double>(query[j]) * values[j];
  const float found = kernels.dot_levels(query.data(), high.data(), low.data(), width, dim);
  return static_cast<double>(found) == expected;
}

// Bounds of codes for several queries at once.
inline void add_many_to_digest(uint64_t& digest, const Kernels& kernels, size_t words,
                               GoldenInput& input) {
  constexpr size_t kQueries = 6, kCount = 70;
  const std::vector<uint64_t> codes = input.words(kCount * words);
  const std::vector<uint64_t> planes = input.words(kQueries * 4 * words);
  const std::vector<float> factors = input.floats(3 * kCount), numbers = input.floats(3 * kQueries);
  std::vector<BitQuery> queries;
  for (size_t i = 0; i < kQueries; ++i)
    queries.push_back({planes.data() + i * 4 * words, words, numbers[3 * i], numbers[3 * i + 1],
                       numbers[3 * i + 2]});
  std::vector<float> lower(kQueries * kCount), upper(kQueries * kCount);
  kernels.scan_bits_many(queries.data(), kQueries, codes.data(), factors.data(),
                         factors.data() + kCount, factors.data() + 2 * kCount, kCount, lower.data(),
                         upper.data());
  add_to_digest(digest, lower.data(), lower.size());
  add_to_digest(digest, upper.data(), upper.size());
}

inline Digests digests_of(const Kernels& kernels) {
  Digests digests;
  digests.fill(0xcbf29ce484222325);
  GoldenInput input;
  for (const size_t dim : {64, 128, 192, 320, 448, 512, 576, 768, 1024, 1536, 2048, 4096, 4160}) {
    const size_t words = dim / 64;
    std::vector<float> values = input.floats(dim);
    const std::vector<float> others = input.floats(dim);
    float sum = kernels.dot_ordered(values.data(), others.data(), dim);
    add_to_digest(digests[1], &sum, 1);
    kernels.rotate(values.data(), dim, input.words(4 * words).data());
    add_to_digest(digests[0], values.data(), dim);
    std::vector<uint64_t> bits(words);
    float sums[3];
    kernels.encode_bits(others.data(), values.data(), dim, bits.data(), sums);
    add_to_digest(digests[2], bits.data(), words);
    add_to_digest(digests[2], sums, 3);
    for (const size_t count : {0, 1, 7, 8, 9, 16, 33}) {
      const std::vector<uint64_t> planes = input.words(4 * words),
                                  codes = input.words(count * words);
      const std::vector<float> add = input.floats(count), scale = input.floats(count),
                               numbers = input.floats(3);
      std::vector<float> err = input.floats(count);
      const BitQuery query{planes.data(), words, numbers[0], numbers[1], numbers[2]};
      std::vector<float> lower(count), upper(count);
      kernels.scan_bits(query, codes.data(), add.data(), scale.data(), err.data(), count,
                        lower.data(), upper.data());
      add_to_digest(digests[3], lower.data(), count);
      add_to_digest(digests[3], upper.data(), count);
      // One that equals the threshold, one above it and one that is no number.
      const float threshold = count == 0 ? 0 : err[count / 2];
      if (count > 2) {
        err[count - 2] = 1000;
        err[count - 1] = std::bit_cast<float>(0x7fc00000u);
      }
      std::vector<uint32_t> chosen(count);
      const size_t found = kernels.select_at_least(err.data(), count, threshold, chosen.data());
      add_to_digest(digests[4], chosen.data(), found);
    }
    add_many_to_digest(digests[5], kernels, words, input);
  }
  return digests;
}

}  // namespace dreamdb::simd
